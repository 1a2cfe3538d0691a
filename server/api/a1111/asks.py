"""What may be asked: the fields that count here, those that are taken without effect, and which of them were.

Clients of this API always send steps, a guidance scale and a sampler; a one-step student has its own. So what cannot be
honoured is taken, and said in the answer's `info`. What would change a picture much (scripts, a second one) is refused.
"""

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from engines.student import Student

from ...judge import LEAST_SIDE, MOST_SIDE, Ask, Seed, Strength, Text
from ...types import MOST_BLUR
from ..described import narrowed
from ..errors import ApiError
from . import controlnet

MOST_BATCH, MOST_TURNS = 8, 8
"""Images of a batch, and batches of a request."""
_MOST_STYLES = 16
Side = Annotated[int, Field(ge=LEAST_SIDE, le=MOST_SIDE)]

_NOTHING_ASKED: Mapping[str, tuple[Any, ...]] = {
    "clip_skip": (1,),
    "distilled_cfg_scale": (0, 0.0),
    "do_not_save_grid": (True, False),
    "do_not_save_samples": (True, False),
    "initial_noise_multiplier": (1, 1.0),
    "mask_blur": (0,),
    "override_settings_restore_afterwards": (True,),
    "resize_mode": (1,),
    "s_noise": (1, 1.0),
    "sampler_index": (),
    "scheduler": ("automatic", "Automatic"),
    "subseed": (-1, 0),
}
"""Values of fields without effect by which nothing is asked for, beside null, 0, false, and what is empty."""
_ZERO_ASKS = ("inpainting_fill",)
"""Fields of which 0 asks for something."""
_OF_HIGH_RESOLUTION = ("hr_", "firstphase_", "denoising_strength")
"""Fields that mean something where `enable_hr` is set only."""
_LARGER = frozenset({"enable_hr", "hr_scale", "hr_resize_x", "hr_resize_y", "hr_upscaler"})
"""Those of them that a student with an upscaler honours."""
_NOT_LARGER = ("None",)
"""Upscalers of this API that are none of ours: what is painted is resized."""
_OF_MASKS = ("inpaint", "mask")
_AS_IT_WAS = 1
"""What there is at first where a mask says to paint: the picture as it was."""
_SCRIPT: dict[str, Any] = {
    "type": "object",
    "required": ["args"],
    "properties": {"args": {"type": "array", "maxItems": 0}},
    "description": "what its units may be depends on the student: see docs/clients.md",
}
_OF_THE_SERVER = ("samples_format", "sd_model_checkpoint")
"""Settings that a request may override."""


class TextToImage(BaseModel):
    """A picture from a prompt. Fields that are not named here are taken, too, and are without effect."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)

    prompt: Text | None = None
    negative_prompt: Text | None = Field(None, description="honoured by students that know one")
    styles: Annotated[list[Text], Field(max_length=_MOST_STYLES)] | None = None
    seed: Annotated[int, Field(ge=-1, le=2**32 - 1)] | None = Field(None, description="-1: any")
    batch_size: Annotated[int, Field(ge=1, le=MOST_BATCH)] | None = None
    n_iter: Annotated[int, Field(ge=1, le=MOST_TURNS)] | None = None
    width: Side | None = None
    height: Side | None = None
    cfg_scale: float | None = Field(None, description="honoured by students that are told one")
    steps: int | None = Field(None, description="without effect but for the student's own number")
    override_settings: dict[str, Any] | None = Field(None, description="sd_model_checkpoint and samples_format are honoured")
    send_images: bool | None = None
    enable_hr: bool | None = Field(None, description="true: pictures are made larger; honoured by students with an upscaler")
    hr_scale: Annotated[float, Field(ge=1, le=16)] | None = Field(None, description="how many times larger; none: 2")
    hr_resize_x: Annotated[int, Field(ge=0, le=MOST_SIDE)] | None = Field(None, description="or the width that is wanted")
    hr_resize_y: Annotated[int, Field(ge=0, le=MOST_SIDE)] | None = Field(None, description="and the height")
    hr_upscaler: Text | None = Field(None, description="the student's, or None, which resizes")
    script_name: Text | None = Field(None, description="there are none", json_schema_extra=narrowed(maxLength=0))
    alwayson_scripts: dict[str, Any] | None = Field(
        None,
        description="controlnet alone, whose args are units: a picture, and the control that is shown it",
        json_schema_extra=narrowed(properties={controlnet.NAME: _SCRIPT}, additionalProperties=False),
    )

    def text(self, student: Student) -> str:
        """The prompt with the styles that the student knows."""
        return ", ".join(filter(None, (self.prompt, *self._known_styles(student))))

    def _known_styles(self, student: Student) -> list[str]:
        return [style for style in self.styles or () if style in student.styles]

    def count(self) -> int:
        return self.batch_size or 1

    def turns(self) -> int:
        return self.n_iter or 1

    def units(self) -> list[controlnet.Unit]:
        """What is shown to controls. Raises ApiError."""
        return controlnet.units(self.alwayson_scripts)

    def has_picture(self) -> bool:
        """Whether there is a picture to paint anew."""
        return False

    def any_seed(self) -> Seed | None:
        """The seed; None is any."""
        return None if self.seed in (None, -1) else self.seed

    def size(self, student: Student) -> tuple[int, int]:
        return self.width or student.width, self.height or student.height

    def larger(self, student: Student) -> tuple[int, int] | None:
        """The size that is asked for where pictures are to be made larger; None where they are not, or cannot be."""
        if not self.enable_hr or student.upscaler is None:
            return None
        width, height = self.size(student)
        scale = self.hr_scale or 2.0
        across, down = self.hr_resize_x or 0, self.hr_resize_y or 0
        if across or down:  # one alone keeps the shape
            return across or round(width * down / height), down or round(height * across / width)
        return round(width * scale), round(height * scale)

    def strength(self, student: Student) -> float | None:
        """How much of a picture is made anew; None where there is none."""
        return None

    def mask_paints(self) -> str:
        """Which part of a mask is where to paint."""
        return "white"

    def blur(self, student: Student) -> float:
        """The softness of a mask's edges, in the student's pixels."""
        return 0.0

    def guidance(self, student: Student) -> float | None:
        bounds = student.guidance
        fits = bounds is not None and self.cfg_scale is not None and bounds.least <= self.cfg_scale <= bounds.most
        return self.cfg_scale if fits else None

    def ask(self, student: Student, scales: Collection[int] = ()) -> Ask:
        """What is asked of the student, of what it can do. `scales`: how many times larger its upscaler makes pictures."""
        negative = (self.negative_prompt or "") if student.negative_prompt else ""
        width, height = larger = self.larger(student) or self.size(student)
        upscale = 1 if self.larger(student) is None or self.hr_upscaler in _NOT_LARGER else _least(scales, student, larger)
        told = self.guidance(student), self.strength(student), f"{width}x{height}", upscale
        return Ask([self.text(student)], negative, *told)

    def check(self) -> None:
        """Raises ApiError for what is refused."""
        if self.script_name:
            raise ApiError(422, f"Script '{self.script_name}' not found: no scripts here", "unsupported", "script_name")
        picture = controlnet.picture_of(found := self.units())
        if found and picture is None and not self.has_picture():
            raise controlnet.without_picture()

    def not_honoured(self, student: Student) -> list[str]:
        """Names of the fields that were sent and change nothing, in the order of the alphabet."""
        sent = {name: getattr(self, name) for name in self.model_fields_set} | (self.model_extra or {})
        units = [name for unit in self.units() for name in unit.not_honoured(student)]
        return sorted({*units, *(name for name, value in sent.items() if not self._honoured(name, value, student))})

    def _honoured(self, name: str, value: Any, student: Student) -> bool:
        if (value in (None, False, 0, "", [], {}) and name not in _ZERO_ASKS) or value in _NOTHING_ASKED.get(name, ()):
            return True
        match name:
            case "steps":
                return bool(value == len(student.contract.times))
            case "cfg_scale":
                return self.guidance(student) is not None
            case "negative_prompt":
                return student.negative_prompt
            case "styles":
                return len(value) == len(self._known_styles(student))
            case "override_settings":
                return all(key in _OF_THE_SERVER for key in value)
        if name.startswith(_OF_HIGH_RESOLUTION) and not self.enable_hr:
            return True
        if name in _LARGER:
            one = student.upscaler
            return one is not None and (name != "hr_upscaler" or value in (one.name, *_NOT_LARGER))
        return name in TextToImage.model_fields


def _least(scales: Collection[int], student: Student, size: tuple[int, int]) -> int:
    """The least scale at which a student's picture is as large as this, or the largest there is."""
    enough = (scale for scale in sorted(scales) if scale * student.width >= size[0] and scale * student.height >= size[1])
    return next(enough, max(scales, default=1))


class ImageToImage(TextToImage):
    """A picture painted anew."""

    init_images: list[str] | None = Field(
        None,
        description="one picture, in base64 or as a data URI",
        json_schema_extra=narrowed(minItems=1, maxItems=1),
    )
    mask: str | None = Field(None, description="likewise, of the picture's size: what is white is painted anew")
    mask_blur: Annotated[int, Field(ge=0, le=int(MOST_BLUR))] | None = Field(None, description="softness of its edges, pixels")
    inpainting_mask_invert: Annotated[int, Field(ge=0, le=1)] | None = Field(None, description="1: what is black is painted")
    inpainting_fill: Annotated[int, Field(ge=0, le=3)] | None = Field(None, description="1, what was there, is what is done")
    denoising_strength: Strength | None = None

    def has_picture(self) -> bool:
        return bool(self.init_images)

    def strength(self, student: Student) -> float | None:
        if not student.txt2img:
            return student.strength  # the only one it has
        return 0.75 if self.denoising_strength is None else self.denoising_strength

    def check(self) -> None:
        super().check()
        if not self.init_images:
            raise ApiError(
                404, "Init image not found: send one picture in init_images", "missing_required_parameter", "init_images"
            )
        if len(self.init_images) > 1:
            why = f"one picture is repainted here, not {len(self.init_images)}"
            raise ApiError(422, f"init_images: {why}", "unsupported", "init_images")
        own = controlnet.picture_of(self.units())
        if own is not None and not controlnet.same_picture(own, self.init_images[0]):
            raise controlnet.beside_another()

    def mask_paints(self) -> str:
        return "black" if self.inpainting_mask_invert else "white"

    def blur(self, student: Student) -> float:
        # it is said in pixels of the picture that is asked for
        return (self.mask_blur or 0) * student.width / self.size(student)[0]

    def _honoured(self, name: str, value: Any, student: Student) -> bool:
        if name.startswith(_OF_MASKS) and not self.mask:
            return True
        if name == "denoising_strength" and not student.txt2img:
            return value in (None, student.strength)
        if name == "inpainting_fill":
            return bool(value == _AS_IT_WAS)
        return name in ImageToImage.model_fields.keys() - TextToImage.model_fields.keys() or super()._honoured(
            name, value, student
        )


class PngInfo(BaseModel):
    """A PNG whose texts are wanted."""

    image: str
