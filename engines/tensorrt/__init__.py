"""Students on NVIDIA GPUs: TensorRT and TensorRT for RTX, whose programming interfaces are the same."""
