"""Students on TensorRT and TensorRT for RTX, whose programming interfaces are the same: building plans, running them."""
