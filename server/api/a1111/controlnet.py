"""The script `controlnet`: units that show a picture to a student's controls. A subset of that extension's own API."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.student import MOST_SCALE, Control, Student

from ...eyes import AS_IS
from ...judge import Text
from ...server import Server
from ...types import Looks
from ..described import A1111Error, errors
from ..errors import ApiError

NAME = "controlnet"
PREFIX = f"/{NAME}"
_PARAM = f"alwayson_scripts.{NAME}"
_MOST_UNITS = 4
_READY = (None, "", "none", "None")
"""Modules of a unit whose picture is what the control is to be shown already."""
_USUAL: Mapping[str, tuple[Any, ...]] = {
    "control_mode": ("Balanced", 0),
    "guidance": (1, 1.0),
    "guidance_end": (1, 1.0),
    "processor_res": (-1, 64, 512),
    "resize_mode": ("Crop and Resize", 1),
    "threshold_a": (-1, 64),
    "threshold_b": (-1, 64),
}
"""Values of a unit's other fields by which nothing is asked for, beside null, 0, false, and what is empty."""


class Unit(BaseModel):
    """A picture, and the control that is shown it. Fields that are not named here are taken, too, and are without effect."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    enabled: bool = True
    model: Text | None = None
    module: Text | None = None
    weight: Annotated[float, Field(ge=0, le=MOST_SCALE)] = 1.0
    image: str | dict[str, Any] | None = None
    input_image: str | None = None
    threshold_a: float | None = None
    threshold_b: float | None = None

    def picture(self) -> str | None:
        """Its picture in base64, if it brings one. Raises ApiError."""
        given = self.image or self.input_image
        if isinstance(given, dict):
            if given.get("mask"):
                raise ApiError(422, f"{NAME}: the picture of a unit has no mask here", "unsupported", _PARAM)
            given = given.get("image")
        if given is not None and not isinstance(given, str):
            raise ApiError(422, f"{NAME}: image is a picture in base64", "invalid_value", _PARAM)
        return given or None

    def look(self, student: Student) -> tuple[str, float, tuple[tuple[str, float], ...]]:
        """Which of the student's controls, how much, and what is set of its eye. Raises ApiError."""
        control = self._control(student)
        return control.name, self.weight, tuple(self._knobs(control))

    def _control(self, student: Student) -> Control:
        wanted = (self.model or "").partition(" [")[0].lower()
        by_module = wanted in ("", "none")
        for control in student.sights:
            if self.module in (control.name, control.eye) if by_module else wanted == control.name:
                return control
        said = f"module {self.module!r}" if by_module else f"model {self.model!r}"
        have = ", ".join(control.name for control in student.sights) or "none"
        raise ApiError(422, f"{NAME}: {said} not found; of {student.name} there are: {have}", "model_not_found", _PARAM)

    def _knobs(self, control: Control) -> list[tuple[str, float]]:
        if self.module in _READY:
            return [(AS_IS, 1.0)]
        if self.module not in (control.name, control.eye):
            why = f"the control {control.name} is shown what {control.eye} sees, not {self.module}: name that, or none"
            raise ApiError(422, f"{NAME}: {why}", "unsupported", _PARAM)
        if control.eye != "canny":
            return []
        thresholds = (("low", self.threshold_a), ("high", self.threshold_b))
        return [(name, value) for name, value in thresholds if value is not None and value >= 0]

    def not_honoured(self, student: Student) -> list[str]:
        """Names of the fields that were sent and change nothing."""
        named = set(Unit.model_fields)
        control = student.sight(self.look(student)[0])
        if control is not None and (control.eye != "canny" or self.module in _READY):
            named -= {"threshold_a", "threshold_b"}
        sent = {name: getattr(self, name) for name in self.model_fields_set} | (self.model_extra or {})
        asks = {name: value for name, value in sent.items() if value not in (None, False, 0, "", [], {})}
        return sorted(
            f"{NAME}.{name}" for name, value in asks.items() if name not in named and value not in _USUAL.get(name, ())
        )


def units(scripts: Mapping[str, Any] | None) -> list[Unit]:
    """The units that are on, of a request's scripts. Raises ApiError for scripts that there are not, and for what is wrong."""
    found: list[Unit] = []
    for name, script in (scripts or {}).items():
        if name.lower() != NAME:
            raise ApiError(422, f"always on script {name!r} not found: there is {NAME}", "unsupported", "alwayson_scripts")
        args = script.get("args") if isinstance(script, dict) else None
        if not isinstance(args, list) or len(args) > _MOST_UNITS:
            raise ApiError(422, f"{NAME}: args is a list of up to {_MOST_UNITS} units", "invalid_value", _PARAM)
        try:
            found += [unit for unit in map(Unit.model_validate, args) if unit.enabled]
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise ApiError(422, f"{NAME}: {where}: {first['msg']}", "invalid_value", _PARAM) from None
    return found


def looks(found: Sequence[Unit], student: Student) -> Looks:
    return tuple(unit.look(student) for unit in found)


def picture_of(found: Sequence[Unit]) -> str | None:
    """The one picture that units bring, in base64; None if they bring none. Raises ApiError."""
    pictures = {picture for unit in found if (picture := unit.picture()) is not None}
    if len(pictures) > 1:
        raise ApiError(422, f"{NAME}: units share one picture here, and these bring {len(pictures)}", "unsupported", _PARAM)
    return pictures.pop() if pictures else None


def without_picture() -> ApiError:
    return ApiError(422, f"{NAME}: a unit has no picture to show: send it as its image", "missing_required_parameter", _PARAM)


def beside_another() -> ApiError:
    why = "units are shown the picture in init_images: leave theirs out, or ask txt2img"
    return ApiError(422, f"{NAME}: {why}", "unsupported", _PARAM)


def same_picture(one: str, other: str) -> bool:
    """Whether two texts in base64 are one picture, be one a data URI or not."""
    return one.rpartition(",")[2] == other.rpartition(",")[2]


def routes(server: Server) -> APIRouter:
    """What that extension's clients list before they ask."""
    router = APIRouter(prefix=PREFIX, responses=errors(A1111Error))

    @router.get("/version")
    async def version() -> dict[str, int]:
        """The second of that extension's API, in which pictures go with their units."""
        return {"version": 2}

    @router.get("/model_list")
    async def models() -> dict[str, list[str]]:
        """The controls of all students."""
        return {"model_list": list(dict.fromkeys(control.name for control in _controls(server)))}

    @router.get("/module_list")
    async def modules() -> dict[str, list[str]]:
        """Their eyes, and none, for pictures that are what a control is to be shown."""
        return {"module_list": ["none", *dict.fromkeys(control.eye for control in _controls(server))]}

    return router


def _controls(server: Server) -> list[Control]:
    return [sight for served in server.students.values() for sight in served.student.sights]
