"""All eyes there are, and those of one student at work."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.student import Student

from ..types import Looks
from .colours import GREY, INK, PALETTE, TILE
from .edges import CANNY, LINES, SOFT
from .eye import AS_IS, Eye, Knob, Pixels
from .network import NetworkEye

EYES: dict[str, Eye] = {
    "canny": CANNY, "lines": LINES, "soft": SOFT, "grey": GREY, "ink": INK, "palette": PALETTE, "tile": TILE,
}  # fmt: skip
"""Those that need no network. Others are files that `--eye` names, and have no knobs."""


def knobs_of(eye: str) -> Mapping[str, Knob]:
    """What may be set of an eye."""
    return EYES[eye].knobs if eye in EYES else {}


class Seen(NamedTuple):
    """What eyes made of a frame: what is painted over, what a row of the student's is told beside it, and to be shown, all
    that they saw."""

    image: Pixels
    inputs: Mapping[str, NDArray[Any]]
    shown: Pixels


class Eyes:
    """The eyes of a student. `see` may be called by several threads. Raises EngineError if there is one too few."""

    def __init__(self, student: Student, networks: Mapping[str, Path]) -> None:
        self._student = student
        self._networks: dict[str, NetworkEye] = {}
        for control in student.sights:
            if control.eye in networks:
                self._networks[control.eye] = NetworkEye(control.eye, networks[control.eye])
            elif control.eye not in EYES:
                raise EngineError(
                    f"{control.name} of {student.name} is what an eye called {control.eye} sees, and there "
                    f"is none: give --eye {control.eye}=FILE.onnx, or state one of {', '.join(EYES)}"
                )

    def open(self) -> None:
        """Be ready, which takes seconds where there are networks. Raises EngineError."""
        for network in self._networks.values():
            network.open(self._student.height, self._student.width)

    def see(self, pixels: Pixels, looks: Looks) -> Seen:
        """A frame as it is painted over, and pictures and scales of all controls. Raises EyeFailed."""
        controls, asked = self._student.controls, {name: (scale, dict(knobs)) for name, scale, knobs in looks}
        image, own = pixels, self._student.eye
        if own is not None and own.name in asked:
            image = self._look(own.eye, pixels, asked[own.name][1])
        if not controls:
            return Seen(image, {}, image)
        pictures = np.zeros((len(controls), *pixels.shape), np.uint8)
        scales = np.zeros(len(controls), np.float32)
        for at, control in enumerate(controls):
            if control.name in asked:
                scales[at], knobs = asked[control.name]
                pictures[at] = self._look(control.eye, pixels, knobs)
        shown = pictures if image is pixels else np.concatenate([pictures, image[None]])
        return Seen(image, {"control": pictures, "scale": scales}, shown.max(0))

    def _look(self, eye: str, pixels: Pixels, knobs: Mapping[str, float]) -> Pixels:
        if knobs.get(AS_IS):
            return pixels
        if eye in self._networks:
            return self._networks[eye].see(pixels, {})
        own = EYES[eye]
        return own.see(pixels, {name: knobs.get(name, knob.default) for name, knob in own.knobs.items()})
