"""The two kernels around a student's network, on an engine's buffers. What they compute is said in kernels.cu."""

from pathlib import Path

import numpy as np

from .buffers import Buffers
from .cuda import Cuda, Stream

SOURCE = Path(__file__).with_name("kernels.cu")

_BLOCK = 256


class Kernels:
    """Compiled for the device, which takes a tenth of a second. Raises CudaError."""

    def __init__(self, cuda: Cuda, buffers: Buffers) -> None:
        self._cuda = cuda
        compiled = cuda.compile(SOURCE.read_text(), ("open_rows", "close_rows"))
        self._open, self._close = compiled["open_rows"], compiled["close_rows"]
        at, layout = buffers.at, buffers.layout
        numbers = {name: at["numbers"] + offset for name, offset in layout.numbers.offset.items()}
        unsound = at["results"] + layout.results.offset["unsound"]
        self._blocks, length = -(-layout.length // _BLOCK), np.int32(layout.length)
        self._opening = (
            at["x"], unsound, at["originals"],
            numbers["a_img"], numbers["a_z"],
            numbers["opened"], numbers["encoded"], numbers["noise"], numbers["masked"],
            at["slots"], at["encoded"], at["noises"],
            length,
        )  # fmt: skip
        self._closing = (
            at["decoding"], at["slots"], unsound,
            at["x0"],
            numbers["alpha_next"], numbers["sigma_next"], numbers["keep_img"], numbers["keep_z"],
            numbers["decoded"], numbers["kept"], numbers["noise_next"], numbers["masked"], numbers["keep_noise"],
            at["noises"], at["masks"], at["originals"],
            length,
        )  # fmt: skip

    def open_rows(self, rows: int, stream: Stream) -> None:
        """Write the denoiser's input, from slots, noises and encoded pictures."""
        self._cuda.launch(self._open, (self._blocks, rows), _BLOCK, self._opening, stream)

    def close_rows(self, rows: int, stream: Stream) -> None:
        """Mark unsound rows, and pass the others to the decoder's input or back to their slots."""
        self._cuda.launch(self._close, (self._blocks, rows), _BLOCK, self._closing, stream)
