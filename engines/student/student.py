"""A student as data."""

import re
from dataclasses import dataclass
from pathlib import Path

from .contract import Contract, Step
from .control import Control
from .upscaler import Upscaler
from .weights import Weights


def _find(style: str, text: str) -> re.Match[str] | None:
    """Where a style stands in a text as a word of its own."""
    return re.search(rf"(?<!\w){re.escape(style.casefold())}(?!\w)", text)


@dataclass(frozen=True, slots=True)
class Guidance:
    """A guidance scale that the network was trained to be told, w = scale - 1 (Meng et al. 2023; LCM). Inclusive bounds."""

    default: float
    least: float
    most: float

    def __post_init__(self) -> None:
        if not self.least <= self.default <= self.most:
            raise ValueError(f"guidance: least {self.least:g}, default {self.default:g} and most {self.most:g} must ascend")


@dataclass(frozen=True, slots=True)
class Student:
    """A one-step (or few-step) generator: its weights or graphs, what it can do, and its contract.

    Sizes are pixels; `latent_shape` is (channels, height, width); `text_shape` is (tokens, width). `graphs` is the folder
    of its ONNX graphs: the embedded student ships with them, others have them once they are built.
    """

    name: str
    title: str
    licence: str
    source: str
    architecture: str
    width: int
    height: int
    latent_shape: tuple[int, int, int]
    text_shape: tuple[int, int]
    contract: Contract
    graphs: Path | None = None
    weights: Weights | None = None
    guidance: Guidance | None = None
    controls: tuple[Control, ...] = ()
    upscaler: Upscaler | None = None
    eye: Control | None = None
    """Of a student that takes the picture itself, what makes it of a frame; None takes frames as they are."""
    strength: float = 0.5
    styles: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    style_strengths: tuple[tuple[str, float], ...] = ()
    """Of styles, at which strength each is fully there."""
    skips: tuple[tuple[int, int, int], ...] = ()
    """Shapes of what the encoder hands to the decoder beside latents, deepest first; known once there are graphs."""
    negative_prompt: bool = False
    """No file may say so, until an engine carries one."""

    @property
    def txt2img(self) -> bool:
        return not self.contract.takes_picture

    @property
    def img2img(self) -> bool:
        return self.contract.strengths != "none" or self.contract.takes_picture

    def any_job(self) -> tuple[Step, ...]:
        """The steps of a job that it can do, whatever else it cannot: img2img where it does that."""
        return self.contract.repaint(self.strength) if self.img2img else self.contract.still()

    @property
    def live(self) -> bool:
        """Whether it can make something of a frame: repaint it, or see it."""
        return self.img2img or bool(self.controls)

    @property
    def sights(self) -> tuple[Control, ...]:
        """All that looks at a frame: the eye of the picture itself, and those of controls."""
        return (*([self.eye] if self.eye else []), *self.controls)

    def sight(self, name: str) -> Control | None:
        """That of a name, if there is one."""
        return next((one for one in self.sights if one.name == name), None)

    def strength_for(self, prompt: str) -> float:
        """The strength to offer for a prompt: that of the first style that it names, or the student's own."""
        said = prompt.casefold()
        named = [(at.start(), -len(style), one) for style, one in self.style_strengths if (at := _find(style, said))]
        return min(named)[2] if named else self.strength

    @property
    def longest_job(self) -> int:
        """Steps of the longest job there can be: how many jobs of one session keep a pipeline of ticks full."""
        return self.contract.most_steps

    def guidance_misfit(self, told: bool) -> str | None:
        """What is wrong if the network is told a guidance scale, or is not, unlike its file says; None if they agree."""
        if told == (self.guidance is not None):
            return None
        said = "is told a guidance scale, which its file does not state"
        if not told:
            said = "takes no guidance scale, which its file states"
        return f"the network of {self.name} {said}: correct [guidance] in its file, or give other weights"

    def default_batches(self, backend: str) -> tuple[int, ...]:
        """Tick sizes to compile where nobody chose."""
        # a large network on a CPU gains nothing from a batch, and each compiled size holds its weights again
        return (1,) if backend == "openvino" and self.weights is not None else (1, 2, 4, 8)
