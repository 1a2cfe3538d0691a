"""What an eye is: how a frame becomes the picture that a control network was trained to be shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]
Knobs: TypeAlias = Mapping[str, float]


AS_IS = "as_is"
"""A knob that every eye has: 1 of a frame that is what the control is to be shown already."""


class EyeFailed(ValueError):
    """An eye made no picture of a frame; the text says why, for a person, and `code` for a program."""

    code = "eye_failed"


@dataclass(frozen=True, slots=True)
class Knob:
    """A number that whoever looks may set, with its bounds, inclusive."""

    default: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Eye:
    """`see` makes uint8 [height, width, 3] of the same, told every knob. Takes milliseconds."""

    see: Callable[[Pixels, Knobs], Pixels]
    knobs: Mapping[str, Knob] = field(default_factory=dict)
