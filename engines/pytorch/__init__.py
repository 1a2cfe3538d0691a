"""Students on PyTorch: the reference, in float32, and the networks of the GPU engine."""
