"""The one judge of what is asked: whatever the API, what a student cannot do is refused by the same rules and words."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from engines.student import MOST_SCALE, PICTURE, SCALES, Student, UnsupportedStrength

from .eyes import AS_IS, Knob, knobs_of
from .types import Looks


def _sendable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a character: a surrogate without its other half") from None
    return text


Text = Annotated[str, AfterValidator(_sendable)]
"""A text in whole characters. JSON can say half ones, which no tokenizer takes."""
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Strength = Annotated[float, Field(ge=0, le=1)]
"""How much of an image is made anew: 0 leaves it, 1 sees nothing of it."""

LEAST_SIDE, MOST_SIDE = 16, 2048
"""Pixels of a side of a picture that is resized: encoding a larger one takes seconds."""
_LONGEST = 40
"""Characters of a client's own words that an error quotes."""
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")


class Unfit(ValueError):
    """What is asked cannot be done. The text says why, for a person; `param` names what of it, as a field of `Ask` is named."""

    def __init__(self, param: str, message: str, code: str = "unsupported") -> None:
        super().__init__(message)
        self.param, self.message, self.code = param, message, code


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody asks of a student. None is the student's own choice.

    `prompt`: its texts, of a blend all. `strength` is asked of a picture that is repainted, and only a part of it where it is
    `masked`. `looks` are the controls that see it. `size` is as the client said it: WIDTHxHEIGHT, or auto.
    `upscale` is how many times larger the picture is made that is painted; 1 is not at all.
    """

    prompt: Sequence[str]
    negative_prompt: str = ""
    guidance: float | None = None
    strength: float | None = None
    size: str | None = None
    upscale: int = 1
    masked: bool = False
    looks: Looks = ()

    def characters(self) -> int:
        return sum(map(len, self.prompt)) + len(self.negative_prompt)

    def pixels(self) -> tuple[int, int] | None:
        """Width and height that are asked for, where that has been found fit; None where none are."""
        if self.size in (None, "auto"):
            return None
        width, _, height = (self.size or "").partition("x")
        return int(width), int(height)


def judge(ask: Ask, student: Student, max_prompt: int, resizes: bool = False, scales: Collection[int] | None = None) -> None:
    """Raises Unfit for the first thing that this student cannot do.

    `max_prompt`: characters of all texts together. `resizes`: what is painted will be resized to the size that is asked for.
    `scales`: how many times larger its upscaler makes pictures; None where that is not known yet.
    """
    if ask.characters() > max_prompt:
        raise Unfit("prompt", f"{ask.characters()} characters; the most taken here is {max_prompt}", "prompt_too_long")
    if ask.negative_prompt and not student.negative_prompt:
        raise Unfit("negative_prompt", f"{student.name} knows no negative prompts; leave it empty")
    if ask.upscale != 1:
        _judge_upscale(ask, student, scales)
    if ask.size not in (None, "auto"):
        _judge_size(ask.size or "", student, resizes, ask.upscale)
    if ask.guidance is not None:
        _judge_guidance(ask.guidance, student)
    if ask.strength is None and not student.txt2img:
        why = "paints over a picture, and makes nothing of a prompt alone: send one, as edits and img2img do"
        raise Unfit("image", f"{student.name} {why}")
    if ask.masked and not student.txt2img:
        raise Unfit("mask", f"{student.name} makes all of a picture anew, and keeps no part of one: leave the mask out")
    if ask.masked and not student.img2img:
        raise Unfit("mask", f"{student.name} repaints no pictures, and so no part of one: leave the mask out")
    if ask.masked and ask.strength is None:
        raise Unfit("mask", "a mask says what of a picture is painted anew: send the picture with it")
    if ask.looks:
        _judge_looks(ask.looks, student)
    if ask.strength is not None:
        _judge_strength(ask.strength, student)


def _judge_size(size: str, student: Student, resizes: bool, upscale: int) -> None:
    have = f"{student.width * upscale}x{student.height * upscale}"
    if (sides := _SIZE.fullmatch(size)) is None:
        raise Unfit("size", f"WIDTHxHEIGHT or auto, not {size!r}", "invalid_value")
    if resizes and size != have:
        if not all(LEAST_SIDE <= int(side) <= MOST_SIDE for side in sides.groups()):
            raise Unfit("size", f"each side is {LEAST_SIDE} to {MOST_SIDE} pixels here, not {size}", "invalid_size")
    elif size != have:
        raise Unfit("size", f"{student.name} paints {have} only, not {size}; ask for {have} or auto", "invalid_size")


def _judge_upscale(ask: Ask, student: Student, scales: Collection[int] | None) -> None:
    if (upscaler := student.upscaler) is None:
        raise Unfit("upscale", f"{student.name} has no upscaler (--upscaler): leave upscale out, or ask for 1")
    if ask.upscale not in SCALES or (scales is not None and ask.upscale not in scales):
        known = " or ".join(map(str, sorted(scales or SCALES)))
        raise Unfit("upscale", f"{upscaler.name} makes pictures {known} times larger, not {ask.upscale}", "invalid_value")
    width, height = student.width * ask.upscale, student.height * ask.upscale
    if max(width, height) > MOST_SIDE:
        have = f"{student.name} paints {student.width}x{student.height}, and {ask.upscale} times as much is {width}x{height}"
        fit = [scale for scale in scales or SCALES if scale * max(student.width, student.height) <= MOST_SIDE]
        less = f"ask for {max(fit)}" if fit else "leave upscale out"
        raise Unfit("upscale", f"{have}: a side is {MOST_SIDE} pixels here at most, so {less}", "invalid_size")


def _judge_guidance(guidance: float, student: Student) -> None:
    bounds = student.guidance
    if bounds is None:
        raise Unfit("guidance", f"{student.name} has its guidance built in, and is told none; leave it out")
    if not bounds.least <= guidance <= bounds.most:
        raise Unfit("guidance", f"{student.name} takes {bounds.least:g} to {bounds.most:g}, not {guidance:g}")


def _judge_looks(looks: Looks, student: Student) -> None:
    have = ", ".join(sight.name for sight in student.sights)
    for name, scale, knobs in looks:
        control = student.sight(name)
        if control is None:
            why = f"choose among {have}" if have else "it has no control network (--control)"
            raise Unfit("eyes", f"{student.name} has no eye {name[:_LONGEST]!r}: {why}")
        if not 0 <= scale <= MOST_SCALE:
            raise Unfit("eyes", f"a scale is 0 to {MOST_SCALE:g}, not {scale:g}")
        if name == PICTURE and scale != 1:
            raise Unfit("eyes", f"the eye {PICTURE} makes what is painted over, and counts as a whole: leave its scale out")
        known = {**knobs_of(control.eye), AS_IS: Knob(0, 0, 1)}
        for knob, value in knobs:
            if knob not in known:
                raise Unfit("eyes", f"the eye {name} has no knob {knob[:_LONGEST]!r}: it has {', '.join(known)}")
            if not known[knob].least <= value <= known[knob].most:
                raise Unfit("eyes", f"{knob} of the eye {name} is {known[knob].least:g} to {known[knob].most:g}, not {value:g}")
    if len({name for name, _, _ in looks}) < len(looks):
        raise Unfit("eyes", "name each eye once")


def _judge_strength(strength: float, student: Student) -> None:
    try:
        student.contract.repaint(strength)
    except UnsupportedStrength as error:
        eyes = "; it sees a picture by its eyes: name one of " + ", ".join(one.name for one in student.controls)
        why = f"{error}{eyes if student.controls and not student.img2img else ''}"
        raise Unfit("strength", why, "unsupported_strength") from error
