"""What a family is: networks of one shape, and how their published files become graphs, and graphs modules again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..choices import Choices
from ..digests import Digests
from ..masks import Mask, cell_weights
from ..masks import Weights as MaskWeights
from ..ports import BYTE, FLOAT, TOKEN, Port, Ports
from ..say import Say
from ..student import Student
from ..student.weights import Weights

if TYPE_CHECKING:
    from .modules import GraphModules


@dataclass(frozen=True)
class Located:
    """Weights that were found: what to build from, and everything of them that could make graphs wrong."""

    weights: Weights
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Shapes:
    """What only the networks themselves tell, once they are there: (tokens, width) and (channels, height, width).

    `skips` are what the encoder hands to the decoder beside latents.
    """

    text: tuple[int, int]
    latents: tuple[int, int, int]
    guidance: bool
    skips: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class Family:
    """One kind of network. Every method that needs more than the standard library imports it only when it is called.

    `text_shape` is (tokens, width) of the published weights, of which `pooled_rows` are no tokens. A side of the image is
    a multiple of `multiple` pixels; latents are `downscale` times smaller. `tokenizers` are the inputs of the text graph,
    each with the file of its tokenizer beside the graphs.
    """

    title: str
    latent_channels: int
    downscale: int
    multiple: int
    text_shape: tuple[int, int]
    pooled_rows: int = 0
    tokenizers: Mapping[str, str] = field(default_factory=lambda: {"ids": "tokenizer.json"})

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """(channels, height, width) of the latents of an image."""
        return self.latent_channels, height // self.downscale, width // self.downscale

    def mask_weights(self, mask: Mask) -> MaskWeights:
        """How much of each latent a mask of an image's pixels has painted anew, 0 to 1: float32 that fits the latents."""
        height, width = mask.shape
        return cell_weights(mask, height // self.downscale, width // self.downscale)

    def check_size(self, width: int, height: int) -> None:
        """Raises ValueError if images of this size cannot be painted."""
        for side in (width, height):
            if side <= 0 or side % self.multiple:
                near = max(self.multiple, round(side / self.multiple) * self.multiple)
                raise ValueError(f"sides must be multiples of {self.multiple} pixels: {side} is not, {near} is near")

    def ports(self, student: Student) -> Ports:
        """Inputs and outputs of a student's graphs, in the order of their arguments."""
        tokens = (student.text_shape[0] - self.pooled_rows,)
        text, latents = student.text_shape, student.latent_shape
        pixels = (student.height, student.width, 3)
        number, shown = Port(FLOAT), len(student.controls)
        controls = {
            "control": Port(BYTE, (shown, *pixels), optional=True),
            "scale": Port(FLOAT, (shown,), optional=True),
        }
        skips = {f"skip_{number}": shape for number, shape in enumerate(student.skips, 1)}
        return {
            "text": {
                **{name: Port(TOKEN, tokens) for name in self.tokenizers},
                "conditioning": Port(FLOAT, text, output=True),
            },
            "encode": {
                "pixels": Port(BYTE, pixels),
                "latents": Port(FLOAT, latents, output=True),
                **{name: Port(FLOAT, shape, output=True) for name, shape in skips.items()},
            },
            "denoise": {
                "x": Port(FLOAT, latents),
                "t": number,
                "conditioning": Port(FLOAT, text),
                "A": number,
                "B": number,
                # where latents are renoised outside, a network without it will do
                "alpha_next": Port(FLOAT, optional=True),
                "sigma_next": Port(FLOAT, optional=True),
                "noise_next": Port(FLOAT, latents, optional=True),
                # the pictures of all controls, and how much each counts: 0, which it also is untold, as if it were not there
                **(controls if shown else {}),
                **({"w": Port(FLOAT, optional=True)} if student.guidance is not None else {}),
                "x0": Port(FLOAT, latents, output=True),
                "x_next": Port(FLOAT, latents, optional=True, output=True),
            },
            "decode": {
                "latents": Port(FLOAT, latents),
                **{name: Port(FLOAT, shape) for name, shape in skips.items()},
                "pixels": Port(BYTE, pixels, output=True),
            },
        }

    def parse_weights(self, data: Mapping[str, Any], controls: Mapping[str, Any], folder: Path) -> Weights:
        """Weights as a student's file states them, and those of its controls by name; paths are relative to `folder`.

        Raises ValueError, and KeyError.
        """
        raise ValueError(f"students of {self.title} come with their graphs: state graphs, and no weights")

    def locate(self, weights: Weights, choices: Choices, digests: Digests) -> Located:
        """Where to build from, with what the user chose. Raises EngineError, before anything is fetched."""
        raise NotImplementedError(f"{self.title} has no weights to be found")

    def build(self, student: Student, weights: Weights, folder: Path, say: Say) -> Shapes:
        """Write a student's graphs, and what `read_modules` needs beside them. Raises EngineError, and ImportError."""
        raise NotImplementedError(f"{self.title} has no weights to build from")

    def read_modules(self, folder: Path) -> "GraphModules":
        """The graphs in a folder as torch modules, on the CPU in float32.

        Raises FileNotFoundError, RuntimeError or KeyError if they are not whole or of other networks, and ImportError.
        """
        raise NotImplementedError(f"{self.title} is not read back")

    def overflowing(self, folder: Path) -> frozenset[str]:
        """The graphs, of those in a folder, whose activations leave the range of fp16."""
        return frozenset()
