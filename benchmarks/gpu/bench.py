"""What a turn has in hand: its device, and the networks of the shape at work."""

import gc
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from engines.say import Say

from .networks import Parts, copied, make_parts
from .shapes import Shape


@dataclass(eq=False)
class Bench:
    """`device` is cuda or cpu; `folder` is for what engines keep."""

    device: str
    folder: Path
    say: Say = print
    _shape: Shape | None = None
    _parts: dict[torch.dtype, Parts] = field(default_factory=dict)

    @property
    def dtype(self) -> torch.dtype:
        """What the others run in: half precision on a GPU, float32 where a processor would only emulate it."""
        return torch.float16 if self.device == "cuda" else torch.float32

    def parts(self, shape: Shape, dtype: torch.dtype = torch.float32) -> Parts:
        """The shape's networks, the same weights for all who ask, in every process. Those of another shape are let go."""
        if shape is not self._shape:
            self.forget()
            self._shape = shape
        if torch.float32 not in self._parts:
            self._parts[torch.float32] = make_parts(shape, self.device)
        if dtype not in self._parts:
            self._parts[dtype] = copied(self._parts[torch.float32], shape, dtype)
        return self._parts[dtype]

    def parts_on_cpu(self, shape: Shape) -> Parts:
        """The same weights on the processor, where graphs are traced: the caller's own, and none are left on the device."""
        made = copied(self.parts(shape), shape, "cpu")
        self.forget()
        return made

    def conditioning(self, shape: Shape) -> Tensor:
        """A prompt's, [1, tokens, width]: random, as the weights are."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(1, *shape.student.text_shape, generator=generator)

    def forget(self) -> None:
        self._shape, self._parts = None, {}
        self.tidy()

    def tidy(self) -> None:
        """Give back the memory of what nobody holds any more."""
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
