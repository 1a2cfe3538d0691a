"""How the embedded student is made: renderer, captions, codec, network, training, export, proof."""
