"""What a live user may choose, and how a params message changes it."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError

from engines.student import Student
from wire import WireError

from .judge import Ask, Seed, Strength, Text, Unfit, judge
from .shallow import complaint
from .similarity import Measure
from .types import Looks, Prompt

MAX_BLEND = 8
"""Prompts in one blend."""
MOST_EYES = 4
"""Controls that see one frame."""
MOST_KNOBS = 4
"""Of one eye."""
MOST_VALUES = 80
"""Values of a params message; all of them at once, with the largest blend and all eyes, are 72."""
_LONGEST_NAME = 80
"""Characters of a client's own words that an error quotes."""


class WeightedPrompt(BaseModel):
    """One part of a blend of prompts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    text: Text
    weight: Annotated[float, Field(ge=0, le=1e6)] = 1.0


_STRING, _BLEND = "<string>", "<blend>"


def _form(prompt: Any) -> str | None:
    return _STRING if isinstance(prompt, str) else _BLEND if isinstance(prompt, list | tuple) else None


_Blend = Annotated[tuple[WeightedPrompt, ...], Field(min_length=1, max_length=MAX_BLEND, strict=False)]
_PromptParam = Annotated[
    Annotated[Text, Tag(_STRING)] | Annotated[_Blend, Tag(_BLEND)],
    Discriminator(
        _form, custom_error_type="prompt_form", custom_error_message="Input should be a string or a list of {text, weight}"
    ),
]


class Similarity(BaseModel):
    """The similarity filter's settings; see `server.similarity`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    threshold: Annotated[float, Field(ge=-1, le=1)] = 0.98
    max_skips: Annotated[int, Field(ge=0, le=1000)] = 10
    max_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.5
    measure: Measure = "change"


class EyeParam(BaseModel):
    """A control that is shown each frame. Without a scale it counts as much as its student says."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Text
    scale: float | None = None
    knobs: Annotated[dict[Text, float], Field(max_length=MOST_KNOBS)] = Field(default_factory=dict)


class Params(BaseModel):
    """Everything in force for a session. Times are seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    prompt: _PromptParam = ""
    negative_prompt: Text = ""
    seed: Seed = 0
    strength: Strength | None = None
    guidance: float | None = None
    format: Literal["jpeg", "webp", "png"] = "jpeg"
    quality: Annotated[int, Field(ge=1, le=100)] = 85
    similarity: Similarity | None = Similarity()
    eyes: Annotated[tuple[EyeParam, ...], Field(max_length=MOST_EYES, strict=False)] = ()
    show: Literal["painting", "eyes"] = "painting"
    upscale: Annotated[int, Field(ge=1, le=16)] = 1
    transition: Annotated[float, Field(ge=0, le=60)] = 0.0

    def blend(self) -> Prompt:
        """The prompt as (text, weight) pairs; weights sum to one."""
        return normalised([(self.prompt, 1.0)] if isinstance(self.prompt, str) else [(p.text, p.weight) for p in self.prompt])

    def ask(self, student: Student) -> Ask:
        """What is asked of the student by these."""
        texts = [self.prompt] if isinstance(self.prompt, str) else [part.text for part in self.prompt]
        repainted = student.img2img or not self.eyes  # of which a student that cannot repaint has to have one
        strength = self.strength_of(student) if repainted else None
        return Ask(texts, self.negative_prompt, self.guidance, strength, upscale=self.upscale, looks=self.looks(student))

    def looks(self, student: Student) -> Looks:
        """What the student's controls are shown. Of a student that cannot repaint, strength is how much they count."""
        share = 1.0 if student.img2img else self.strength_of(student)
        return tuple(
            (eye.name, share * scale_of(student, eye.name) if eye.scale is None else eye.scale, tuple(eye.knobs.items()))
            for eye in self.eyes
        )

    def strength_of(self, student: Student) -> float:
        """The strength in force: the one that was chosen, or what the student offers for its eyes, or the prompt."""
        if self.strength is not None:
            return self.strength
        if not student.img2img:
            return 1.0  # of what it is shown
        by_eyes = [sight.strength for eye in self.eyes if (sight := student.sight(eye.name)) is not None]
        if (shown := max((one for one in by_eyes if one is not None), default=None)) is not None:
            return shown
        offered = {text: student.strength_for(text) for text, _ in self.blend()}
        if len(set(offered.values())) == 1:
            return offered[self.blend()[0][0]]
        return sum(weight * offered[text] for text, weight in self.blend())

    def told(self, student: Student) -> dict[str, Any]:
        """What a client is told is in force."""
        return {**self.model_dump(), "strength": self.strength_of(student)}

    def size_of(self, student: Student) -> tuple[int, int]:
        """Width and height of the images that are sent."""
        scale = self.upscale if self.show == "painting" else 1
        return student.width * scale, student.height * scale


def normalised(parts: list[tuple[str, float]]) -> Prompt:
    """Weights that sum to one; equal ones if all are zero."""
    total = sum(weight for _, weight in parts)
    return tuple((text, weight / total if total else 1 / len(parts)) for text, weight in parts)


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part not in (_STRING, _BLEND))[:_LONGEST_NAME]
    if first["type"] == "extra_forbidden":
        return _unknown(place)
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _unknown(key: str) -> str:
    if not key.isascii() and "\\ud" in ascii(key):
        return "a key is not unicode: it has half a character"
    return f"unknown key {key[:_LONGEST_NAME]!r}; known: {', '.join(Params.model_fields)}"


def scale_of(student: Student, name: str) -> float:
    """How much a control counts where nobody says so."""
    sight = student.sight(name)
    return 1.0 if sight is None else sight.scale


def first_params(student: Student) -> Params:
    """What is in force before a client has said a word: a student that cannot repaint looks by the first of its eyes, and one
    that has an eye for the picture itself by that."""
    looking = student.sights[:1] if student.eye or not student.img2img else ()
    eyes = tuple(EyeParam(name=one.name) for one in looking)
    return Params(guidance=student.guidance.default if student.guidance else None, eyes=eyes)


def merge(
    current: Params,
    changes: dict[str, Any],
    max_prompt: int,
    student: Student,
    scales: Collection[int] | None = None,
) -> Params:
    """`current` with `changes` from a params message. Raises WireError with the key and what is wrong with it.

    `scales`: how many times larger pictures can be made now; None where that is not known.
    """
    # first what costs little to find: a model says of each value apart what is wrong with it
    if (unknown := next((key for key in changes if key not in Params.model_fields), None)) is not None:
        raise WireError("bad_params", _unknown(unknown))
    if (why := complaint(changes, MOST_VALUES)) is not None:
        raise WireError("bad_params", f"a params message has {why}; prompts are up to {MAX_BLEND}")
    try:
        merged = Params.model_validate({**current.model_dump(), **changes})
    except ValidationError as error:
        raise WireError("bad_params", _complaint(error)) from error
    try:
        judge(merged.ask(student), student, max_prompt, scales=scales)
    except Unfit as error:
        raise WireError("bad_params", f"{error.param}: {error}") from error
    return merged
