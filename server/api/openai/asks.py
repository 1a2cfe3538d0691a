"""What may be asked by OpenAI's Images API, with the fields that its peers have beside it. Of each, null is the default."""

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from engines.student import Student, UnsupportedStrength

from ...judge import Ask, Seed, Strength, Text
from ..described import narrowed

Count = Annotated[int, Field(ge=1, le=10)]
ResponseFormat = Literal["b64_json", "url"]
OutputFormat = Literal["png", "jpeg", "webp"]
Upscale = Annotated[int, Field(ge=1, le=16)]
Word = Annotated[Text, Field(max_length=512)]
"""A value that is taken without effect."""

_QUALITY = 90
"""Of JPEG and WebP, where no compression is asked for."""
_FILES_ONLY = ("gpt-image", "chatgpt-image")
"""How models are named of which OpenAI answers with files in base64 only: what asks for them expects no address."""


class _Images(BaseModel):
    """What all ways to ask have in common."""

    model_config = ConfigDict(extra="forbid", strict=True)

    NO_EFFECT: ClassVar[tuple[str, ...]] = ("user", "safety_identifier")
    """Fields that clients send, and that change nothing here: an answer names those that were sent."""

    model: Text | None = None
    n: Count | None = None
    size: Text | None = Field(None, examples=["256x256"], description="WIDTHxHEIGHT or auto")
    response_format: ResponseFormat | None = None
    upscale: Upscale | None = Field(None, description="how many times larger the picture is made; what may be, /v1/models says")
    seed: Seed | None = None
    user: Word | None = None
    safety_identifier: Word | None = None

    @property
    def count(self) -> int:
        return 1 if self.n is None else self.n

    @property
    def format(self) -> OutputFormat:
        return "png"

    @property
    def jpeg_quality(self) -> int:
        return _QUALITY

    @property
    def streamed(self) -> bool:
        return False

    @property
    def larger(self) -> int:
        """How many times."""
        return 1 if self.upscale is None else self.upscale

    def ask(self, student: Student) -> Ask:
        """What is asked of the student."""
        return Ask([""], size=self.size, upscale=self.larger)

    def wants(self) -> tuple[bool, bool]:
        """Whether images are to be answered in base64, and whether by an address; both, where nothing is said."""
        if self.response_format is not None:
            return self.response_format == "b64_json", self.response_format == "url"
        return True, not (self.streamed or (self.model or "").startswith(_FILES_ONLY))

    def without_effect(self, student: Student) -> list[str]:
        """Those of the fields that were sent that change nothing."""
        return [name for name in self.NO_EFFECT if getattr(self, name) is not None]


class ImagesRequest(_Images):
    """Pictures from a prompt."""

    NO_EFFECT: ClassVar[tuple[str, ...]] = (
        "quality", "style", "moderation", "user", "safety_identifier", "complexity", "frame_count", "frame_duration_ms", "svg",
        "strength",
    )  # fmt: skip

    prompt: Text
    output_format: OutputFormat | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    background: Literal["auto", "opaque", "transparent"] | None = Field(
        None,
        description="transparent is refused",
        json_schema_extra=narrowed(enum=["auto", "opaque"]),
    )
    stream: bool | None = None
    partial_images: Annotated[int, Field(ge=0, le=3)] | None = None
    negative_prompt: Text | None = None
    guidance_scale: float | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="taken; how many steps are made is the student's own to say"
    )
    strength: Strength | None = Field(None, description="of a picture, which edits and variations have")
    quality: Word | None = None
    style: Word | None = None
    moderation: Word | None = None
    complexity: Word | None = None
    frame_count: int | None = None
    frame_duration_ms: int | None = None
    svg: dict[str, Any] | None = None

    @property
    def format(self) -> OutputFormat:
        return self.output_format or "png"

    @property
    def jpeg_quality(self) -> int:
        return _QUALITY if self.output_compression is None else max(1, self.output_compression)

    @property
    def streamed(self) -> bool:
        return bool(self.stream)

    def ask(self, student: Student) -> Ask:
        return Ask([self.prompt], self.negative_prompt or "", self.guidance_scale, size=self.size, upscale=self.larger)

    def without_effect(self, student: Student) -> list[str]:
        steps = self.num_inference_steps
        other_steps = steps is not None and steps != len(student.contract.times)
        return [
            *super().without_effect(student),
            *(["num_inference_steps"] if other_steps else []),
            *(["partial_images"] if self.partial_images and not self.partial_steps(student) else []),
        ]

    def steps(self, student: Student) -> int:
        """How many are made."""
        return len(student.contract.times)

    def partial_steps(self, student: Student) -> list[int]:
        """The steps after which a picture is shown on its way: evenly between its first and its last."""
        steps = self.steps(student)
        shown = min(self.partial_images or 0, steps - 1) if self.streamed else 0
        return [index * steps // (shown + 1) for index in range(1, shown + 1)]


class EditRequest(ImagesRequest):
    """A picture painted anew from another one."""

    NO_EFFECT: ClassVar[tuple[str, ...]] = (*(name for name in ImagesRequest.NO_EFFECT if name != "strength"), "input_fidelity")

    strength: Strength | None = Field(None, description="how much is made anew; none: what goes with the prompt's style")
    input_fidelity: Word | None = None

    def ask(self, student: Student) -> Ask:
        told = self.negative_prompt or "", self.guidance_scale, self._strength(student), self.size, self.larger
        return Ask([self.prompt], *told)

    def _strength(self, student: Student) -> float:
        return student.strength_for(self.prompt) if self.strength is None else self.strength

    def steps(self, student: Student) -> int:
        try:
            return len(student.contract.repaint(self._strength(student)))
        except UnsupportedStrength:
            return 1  # it is refused, when it is judged

    def ask_within(self, student: Student) -> Ask:
        """What is asked within a mask: where nothing else is said, that nothing is left there of what was."""
        whole = max(student.contract.known_strengths(), default=1.0)
        return replace(self.ask(student), strength=whole if self.strength is None else self.strength)


class VariationRequest(_Images):
    """Pictures like another one."""

    strength: Strength | None = Field(None, description="how much is made anew; none: the student's own")

    def ask(self, student: Student) -> Ask:
        strength = student.strength if self.strength is None else self.strength
        return Ask([""], strength=strength, size=self.size, upscale=self.larger)
