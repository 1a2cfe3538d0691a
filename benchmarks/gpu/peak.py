"""The measured matrix-product peak: what a roofline of images is drawn by."""

import time
from collections.abc import Callable

import torch

GPU_SIDES = (4096, 8192, 16384)
CPU_SIDES = (256, 512)
_TURNS = 16
"""Products given to the device before it is waited for."""


def matrix_peak(device: str, dtype: torch.dtype, sides: tuple[int, ...], seconds: float) -> dict[int, float]:
    """TFLOP/s of square products of random matrices, sustained for `seconds` each, by their side."""
    return {side: _rate(device, dtype, side, seconds) for side in sides}


def _rate(device: str, dtype: torch.dtype, side: int, seconds: float) -> float:
    generator = torch.Generator(device).manual_seed(side)
    a, b = (torch.randn(side, side, device=device, generator=generator).to(dtype) for _ in range(2))
    to = torch.empty_like(a)
    wait: Callable[[], None] = torch.cuda.synchronize if device == "cuda" else lambda: None

    def turn() -> None:
        for _ in range(_TURNS):
            torch.matmul(a, b, out=to)
        wait()

    turn()  # the library chooses its kernel in the first
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds or not count:
        turn()
        count += _TURNS
    return 2 * side**3 * count / spent / 1e12
