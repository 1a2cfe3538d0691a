"""How the embedded student is made: renderer, captions, training, export, proof. Serving needs none of it."""
