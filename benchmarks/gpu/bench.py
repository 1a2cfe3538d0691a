"""What a run has in hand: its device, the networks of the shape at work, and engines that are too dear to open twice."""

import copy
import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from engines.engine import Engine
from engines.say import Say

from .networks import Parts, copied, make_parts
from .shapes import Shape

Typed: TypeAlias = dict[str, Any]
"""`engines.pytorch.networks.TypedGraph` by graph."""


@dataclass(eq=False)
class Bench:
    """`device` is cuda or cpu; `folder` is for what engines keep. `groups` are the tick sizes of the run, those together
    that are measured together."""

    device: str
    folder: Path
    groups: tuple[tuple[int, ...], ...]
    say: Say = print
    kept: dict[str, Engine] = field(default_factory=dict)
    _shape: Shape | None = None
    _parts: dict[torch.dtype, Parts] = field(default_factory=dict)
    _typed: Typed | None = None

    @property
    def dtype(self) -> torch.dtype:
        """What the others run in: half precision on a GPU, float32 where a processor would only emulate it."""
        return torch.float16 if self.device == "cuda" else torch.float32

    def parts(self, shape: Shape, dtype: torch.dtype = torch.float32) -> Parts:
        """The shape's networks, the same weights for all who ask. Those of another shape are let go."""
        if shape is not self._shape:
            self._shape, self._parts, self._typed = shape, {}, None
            self.tidy()
        if torch.float32 not in self._parts:
            self._parts[torch.float32] = make_parts(shape, self.device)
        if dtype not in self._parts:
            self._parts[dtype] = copied(self._parts[torch.float32], shape, dtype)
        return self._parts[dtype]

    def typed(self, shape: Shape, make: Callable[[Parts], Typed]) -> Typed:
        """Copies of the graphs that `make` makes of the networks on the processor: traced once for all ticks of a shape."""
        parts = self.parts(shape)
        if self._typed is None:
            self._typed = make(parts if self.device == "cpu" else copied(parts, shape, "cpu"))
        return copy.deepcopy(self._typed)

    def conditioning(self, shape: Shape) -> Tensor:
        """A prompt's, [1, tokens, width]: random, as the weights are."""
        generator = torch.Generator().manual_seed(1)
        return torch.randn(1, *shape.student.text_shape, generator=generator)

    def group(self, sizes: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes that are measured together with these."""
        return next((group for group in self.groups if set(sizes) <= set(group)), sizes)

    def plain_torch(self) -> None:
        """Torch's own settings again, which our engine changes for its process: others are measured as they come."""
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.allow_tf32 = True
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = True
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = True

    def tidy(self) -> None:
        """Give back the memory of what nobody holds any more."""
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()

    def close(self) -> None:
        for engine in self.kept.values():
            engine.close()
        self.kept.clear()
