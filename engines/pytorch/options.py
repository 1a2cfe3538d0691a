"""What may be chosen of the torch engine. Imports no torch, so that settings can be read where there is none."""

from dataclasses import dataclass

from ..errors import EngineError
from ..graphs import PRECISIONS

LARGEST_TICK = 63
"""Rows. From 64 on diffusers' upsampling takes another way, and a graph that is traced holds one."""


@dataclass(frozen=True)
class TorchOptions:
    """None of it is needed.

    precision    auto, fp16, bf16 or fp32; auto is fp16, and bf16 for a network that is known to overflow
    compile      fused kernels by torch.compile, which takes minutes at the first start; off is slower, and starts at once
    fp8          the denoiser's larger products in 8 bits (e4m3), which GPUs have from sm89 on
    """

    precision: str = "auto"
    compile: bool = True
    fp8: bool = False

    def __post_init__(self) -> None:
        if self.precision not in ("auto", *PRECISIONS):
            raise EngineError(f"precision must be auto, {', '.join(PRECISIONS)}, not {self.precision!r}")
        if self.fp8 and self.precision == "fp32":
            raise EngineError("fp8 is for what is computed in half precision: choose precision auto, fp16 or bf16 with it")
