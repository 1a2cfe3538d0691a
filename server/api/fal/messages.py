"""Messages: msgpack to what is asked, and what was painted to msgpack. Of megabytes that takes milliseconds: for a thread."""

import base64
import json
from typing import Annotated, Any, Literal

import msgpack
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engines.student import Student

from ...judge import LEAST_SIDE, MOST_SIDE, Ask, Seed, Strength, Text
from ...stills import Still
from ..errors import ApiError
from ..json_body import picture

_MOST_VALUES = 256
"""Fields of a message, and values of any list in it."""
_SIZES = {
    "square_hd": (1024, 1024),
    "square": (512, 512),
    "portrait_4_3": (768, 1024),
    "portrait_16_9": (576, 1024),
    "landscape_4_3": (1024, 768),
    "landscape_16_9": (1024, 576),
}
_NO_EFFECT = ("enable_safety_checker", "enable_safety_checks", "expand_prompt", "num_inference_steps")


class Fault(Exception):
    """What is wrong with a message: a word for a program, a reason for a person."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error, self.reason = error, reason


class ImageSize(BaseModel):
    """A size in pixels."""

    model_config = ConfigDict(extra="forbid", strict=True)

    width: Annotated[int, Field(ge=LEAST_SIDE, le=MOST_SIDE)]
    height: Annotated[int, Field(ge=LEAST_SIDE, le=MOST_SIDE)]


class Input(BaseModel):
    """What is asked for. Fields that are not named here are taken without effect, and the answer says which."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    prompt: Text | None = None
    negative_prompt: Text | None = None
    image_url: str | None = None
    image_bytes: bytes | None = None
    strength: Strength | None = None
    seed: Seed | None = None
    num_images: Annotated[int, Field(ge=1, le=4)] | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    image_size: Literal[tuple(_SIZES)] | ImageSize | None = None  # type: ignore[valid-type]
    format: Literal["png", "jpeg", "webp"] | None = None  # of these as other APIs have them: typing keeps one order for all
    sync_mode: bool | None = None
    request_id: Annotated[Text, Field(max_length=128)] | None = None

    def image(self) -> bytes | None:
        """The picture to paint anew; None where there is none. Raises ApiError."""
        if self.image_bytes is not None:
            return self.image_bytes
        return picture(self.image_url, "image_url") if self.image_url else None

    def size(self, student: Student) -> tuple[int, int]:
        match self.image_size:
            case None:
                return student.width, student.height
            case str(name):
                return _SIZES[name]
            case size:
                return size.width, size.height

    def ask(self, student: Student, repainted: bool) -> Ask:
        """What is asked of the student, of what it can do."""
        width, height = self.size(student)
        own = self.strength is None or not student.txt2img
        strength = student.strength_for(self.prompt or "") if own else self.strength
        return Ask(
            [self.prompt or ""],
            (self.negative_prompt or "") if student.negative_prompt else "",
            self.guidance(student),
            strength if repainted else None,
            f"{width}x{height}",
        )

    def guidance(self, student: Student) -> float | None:
        bounds, scale = student.guidance, self.guidance_scale
        return scale if bounds is not None and scale is not None and bounds.least <= scale <= bounds.most else None

    def without_effect(self, student: Student, repainted: bool) -> list[str]:
        """Names of the fields that were sent and change nothing."""
        idle = [*_NO_EFFECT, *(self.model_extra or {})]
        if not student.negative_prompt:
            idle.append("negative_prompt")
        if self.guidance(student) is None:
            idle.append("guidance_scale")
        if not repainted or (not student.txt2img and self.strength != student.strength):
            idle.append("strength")
        if self.num_inference_steps == len(student.contract.times):
            idle.remove("num_inference_steps")
        sent = self.model_dump(include=set(idle), exclude_none=True)
        return sorted(name for name, value in sent.items() if value != "")


def read(data: bytes) -> tuple[Input, bytes | None]:
    """What is asked, and the picture that is to be painted anew. Raises Fault."""
    try:
        values = msgpack.unpackb(
            data, raw=False, strict_map_key=True, max_array_len=_MOST_VALUES, max_map_len=_MOST_VALUES, max_ext_len=16
        )
    except Exception as error:  # whatever an unpacker says of bytes that are no message
        raise Fault("INVALID_MESSAGE", f"a message is a map in msgpack: {error}") from None
    try:
        asked = Input.model_validate(values)
        return asked, asked.image()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"][:1]))
        raise Fault("INVALID_INPUT", f"{place}: {first['msg']}" if place else str(first["msg"])) from None
    except ApiError as error:
        raise Fault("INVALID_INPUT", error.message) from None


def written(asked: Input, student: Student, stills: list[Still], repainted: bool) -> bytes:
    """The answer to one message."""
    kind = f"image/{asked.format or 'jpeg'}"
    images: list[dict[str, Any]] = []
    for still in stills:
        content, (width, height) = still.result.image, still.result.size or asked.size(student)
        image = {"content": content, "content_type": kind, "width": width, "height": height}
        if asked.sync_mode:
            image["url"] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
        images.append(image)
    timings = stills[0].result.timings
    answer = {
        "images": images,
        "seed": stills[0].seed,
        "prompt": asked.prompt or "",
        "num_inference_steps": len(student.contract.times),
        "timings": {"inference": timings.engine, "wait": timings.wait},
        "without_effect": asked.without_effect(student, repainted),
    }
    if asked.request_id is not None:
        answer["request_id"] = asked.request_id
    packed: bytes = msgpack.packb(answer)
    return packed


def fault(error: str, reason: str) -> str:
    """What is wrong, as this API says it: in JSON, as text."""
    return json.dumps({"type": "x-fal-error", "error": error, "reason": reason, "status": "error"})
