"""What a student is shown beside its prompt: a network that steers it by a picture."""

import re
from dataclasses import dataclass

MOST_SCALE = 2.0
"""Of a control: above 1, which is what it was trained at, pictures come apart sooner or later."""
PICTURE = "picture"
"""What the eye is called that looks for a student which takes the picture itself: no control may be."""
NOT_STATED = "not stated here: that of its weights"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class Control:
    """A control network (ControlNet, T2I-Adapter) beside a student's own. `eye` is what makes its picture of a frame.

    `scale` is how much it counts where nobody says so: 0 is as if it were not there. `strength` is what a student that can
    repaint frames offers for those that are shown to it, where its own is not. Raises ValueError.
    """

    name: str
    eye: str
    licence: str = NOT_STATED
    scale: float = 1.0
    strength: float | None = None

    def __post_init__(self) -> None:
        for what, name in (("a control", self.name), ("an eye", self.eye)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"{what} is called by small letters, digits and _, up to 32 of them, not {name!r}")
        if not 0.0 <= self.scale <= MOST_SCALE:
            raise ValueError(f"control.{self.name}: scale must be between 0 and {MOST_SCALE:g}, not {self.scale:g}")
