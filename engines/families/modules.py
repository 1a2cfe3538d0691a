"""A student's four graphs as torch modules, which is what they are exported from and read back to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class GraphModules:
    """Each takes its graph's inputs in the order of the ports. In float32, ready for inference."""

    text: Any
    encode: Any
    denoise: Any
    decode: Any

    def __post_init__(self) -> None:
        for module in self:
            module.eval().requires_grad_(False)

    def __iter__(self) -> Iterator[nn.Module]:
        return iter((self.text, self.encode, self.denoise, self.decode))

    def to(self, device: str) -> "GraphModules":
        for module in self:
            module.to(device)
        return self
