"""All eyes there are, and those of one student at work."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.errors import EngineError
from engines.student import Student

from ..types import Looks
from .colours import GREY, PALETTE, TILE
from .edges import CANNY, LINES, SOFT
from .eye import AS_IS, Eye, Knob, Pixels
from .network import NetworkEye

EYES: dict[str, Eye] = {"canny": CANNY, "lines": LINES, "soft": SOFT, "grey": GREY, "palette": PALETTE, "tile": TILE}
"""Those that need no network. Others are files that `--eye` names, and have no knobs."""


def knobs_of(eye: str) -> Mapping[str, Knob]:
    """What may be set of an eye."""
    return EYES[eye].knobs if eye in EYES else {}


class Eyes:
    """The eyes of a student's controls. `see` may be called by several threads. Raises EngineError if there is one too few."""

    def __init__(self, student: Student, networks: Mapping[str, Path]) -> None:
        self._student = student
        self._networks: dict[str, NetworkEye] = {}
        for control in student.controls:
            if control.eye in networks:
                self._networks[control.eye] = NetworkEye(control.eye, networks[control.eye])
            elif control.eye not in EYES:
                raise EngineError(
                    f"the control {control.name} of {student.name} is shown what an eye called {control.eye} sees, and there "
                    f"is none: give --eye {control.eye}=FILE.onnx, or state one of {', '.join(EYES)}"
                )
            elif (package := EYES[control.eye].needs) and find_spec(package) is None:
                raise EngineError(f"the eye {control.eye} needs the extra: pip install 'allaprima[eyes]'")

    def open(self) -> None:
        """Be ready, which takes seconds where there are networks. Raises EngineError."""
        for network in self._networks.values():
            network.open(self._student.height, self._student.width)

    def see(self, pixels: Pixels, looks: Looks) -> dict[str, NDArray[Any]]:
        """What a row of the student's is told: pictures and scales of all its controls. Raises EyeFailed."""
        controls, asked = self._student.controls, {name: (scale, dict(knobs)) for name, scale, knobs in looks}
        pictures = np.zeros((len(controls), *pixels.shape), np.uint8)
        scales = np.zeros(len(controls), np.float32)
        for at, control in enumerate(controls):
            if control.name in asked:
                scales[at], knobs = asked[control.name]
                pictures[at] = self._look(control.eye, pixels, knobs)
        return {"control": pictures, "scale": scales}

    def _look(self, eye: str, pixels: Pixels, knobs: Mapping[str, float]) -> Pixels:
        if knobs.get(AS_IS):
            return pixels
        if eye in self._networks:
            return self._networks[eye].see(pixels, {})
        own = EYES[eye]
        return own.see(pixels, {name: knobs.get(name, knob.default) for name, knob in own.knobs.items()})
