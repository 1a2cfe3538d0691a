"""Students on a CUDA device: buffers, slots, streams and graphs of a tick, whatever library runs the networks."""
