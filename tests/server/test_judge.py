"""The judge: what is asked of a student is refused by one rule, whatever the API."""

from dataclasses import replace
from typing import Any

import pytest

from engines.student import Control, Guidance, Student
from server.judge import Ask, Unfit, judge
from server.params import first_params, merge
from server.types import Looks
from tests.student_files import an_upscaler
from wire import WireError

MAX_PROMPT = 100


@pytest.fixture
def told(student: Student) -> Student:
    """A student that is told a guidance scale between 1 and 4."""
    return replace(student, guidance=Guidance(2.0, 1.0, 4.0))


@pytest.mark.parametrize(
    "ask",
    [
        Ask(["a boat"]),
        Ask([""]),
        Ask(["x" * MAX_PROMPT]),
        Ask(["x" * 60, "y" * 40]),
        Ask(["a boat"], strength=0.5, size="auto"),
        Ask(["a boat"], strength=0.5, masked=True),
        Ask(["a boat"], size="256x256"),
    ],
    ids=str,
)
def test_fit(student: Student, ask: Ask) -> None:
    """What a student can do is none of the judge's business."""
    judge(ask, student, MAX_PROMPT)


@pytest.mark.parametrize("size", ["512x512", "16x2048", "1792x1024", "256x256", "auto"])
def test_sizes_to_resize_to(student: Student, size: str) -> None:
    """Where what is painted is resized, any size will do within bounds."""
    judge(Ask(["a boat"], size=size), student, MAX_PROMPT, resizes=True)


@pytest.mark.parametrize("size", ["2049x16", "16x15", "99999x99999", "big"])
def test_sizes_that_are_too_much(student: Student, size: str) -> None:
    """A size that would take seconds to encode is refused with the bounds."""
    with pytest.raises(Unfit, match=r"WIDTHxHEIGHT|16 to 2048 pixels"):
        judge(Ask(["a boat"], size=size), student, MAX_PROMPT, resizes=True)


@pytest.mark.parametrize(
    ("ask", "param", "code", "says"),
    [
        (Ask(["x" * 101]), "prompt", "prompt_too_long", "101 characters; the most taken here is 100"),
        (Ask(["x" * 60, "y" * 41]), "prompt", "prompt_too_long", "101 characters"),
        (Ask(["x" * 60], "y" * 41), "prompt", "prompt_too_long", "101 characters"),
        (Ask(["x"], "ugly"), "negative_prompt", "unsupported", "knows no negative prompts"),
        (Ask(["x"], guidance=2.0), "guidance", "unsupported", "is told none"),
        (Ask(["x"], size="512x512"), "size", "invalid_size", "256x256 only"),
        (Ask(["x"], size="big"), "size", "invalid_value", "WIDTHxHEIGHT or auto, not 'big'"),
        (Ask(["x"], size=""), "size", "invalid_value", "WIDTHxHEIGHT"),
        (Ask(["x"], size="256x256\n"), "size", "invalid_value", "WIDTHxHEIGHT"),
        (Ask(["x"], looks=(("canny", 1.0, ()),)), "eyes", "unsupported", "has no eye 'canny': it has no control network"),
        (Ask(["x"], masked=True), "mask", "unsupported", "send the picture with it"),
        (Ask(["x"], strength=1.5), "strength", "unsupported_strength", "between 0 and 1"),
    ],
    ids=str,
)
def test_unfit(student: Student, ask: Ask, param: str, code: str, says: str) -> None:
    """What it cannot do is named, with a code and what would be right."""
    with pytest.raises(Unfit, match=says) as unfit:
        judge(ask, student, MAX_PROMPT)
    assert (unfit.value.param, unfit.value.code) == (param, code)


@pytest.mark.parametrize("guidance", [0.9, 4.1, float("nan"), float("inf")])
def test_guidance(told: Student, guidance: float) -> None:
    """A scale within a student's bounds is taken, and none other."""
    judge(Ask(["x"], guidance=1.0), told, MAX_PROMPT)
    judge(Ask(["x"], guidance=4.0), told, MAX_PROMPT)
    with pytest.raises(Unfit, match="takes 1 to 4, not"):
        judge(Ask(["x"], guidance=guidance), told, MAX_PROMPT)


def test_a_strength_it_was_not_trained_for(student: Student) -> None:
    """A strength that the student was not trained for is refused."""
    stills_only = replace(student, contract=replace(student.contract, strengths="none"))
    with pytest.raises(Unfit, match="makes stills only"):
        judge(Ask(["x"], strength=0.5), stills_only, MAX_PROMPT)


@pytest.mark.parametrize(
    ("changes", "ask"),
    [
        ({"prompt": "x" * 101}, Ask(["x" * 101], strength=0.5)),
        ({"prompt": "x" * 60, "negative_prompt": "y" * 41}, Ask(["x" * 60], "y" * 41, strength=0.5)),
        ({"negative_prompt": "ugly"}, Ask([""], "ugly", strength=0.5)),
        ({"guidance": 3}, Ask([""], guidance=3.0, strength=0.5)),
    ],
    ids=str,
)
def test_live_and_rest_agree(student: Student, changes: dict[str, Any], ask: Ask) -> None:
    """A live user is told the judge's own words."""
    with pytest.raises(Unfit) as unfit:
        judge(ask, student, MAX_PROMPT)
    with pytest.raises(WireError) as refused:
        merge(first_params(student), changes, MAX_PROMPT, student)
    assert str(refused.value) == f"{unfit.value.param}: {unfit.value}"


@pytest.fixture
def seeing(student: Student) -> Student:
    """A student that repaints nothing and has two eyes."""
    stills_only = replace(student.contract, strengths="none")
    return replace(student, contract=stills_only, controls=(Control("edges", "canny", scale=0.8), Control("far", "depth")))


@pytest.mark.parametrize(
    ("looks", "says"),
    [
        ((("near", 1.0, ()),), "has no eye 'near': choose among edges, far"),
        ((("edges", 2.5, ()),), "a scale is 0 to 2, not 2.5"),
        ((("edges", float("nan"), ()),), "a scale is 0 to 2"),
        ((("edges", 1.0, (("middle", 3.0),)),), "no knob 'middle': it has low, high, as_is"),
        ((("far", 1.0, (("low", 3.0),)),), "no knob 'low': it has as_is"),
        ((("edges", 1.0, (("low", 2000.0),)),), "low of the eye edges is 0 to 1000, not 2000"),
        ((("edges", 1.0, ()), ("edges", 0.5, ())), "name each eye once"),
    ],
)
def test_unfit_eyes(seeing: Student, looks: Looks, says: str) -> None:
    """An eye that is not there, a scale or a knob out of bounds, an eye named twice: each is said, with what would be right."""
    judge(Ask(["x"], looks=(("edges", 1.0, (("low", 3.0),)), ("far", 2.0, ()))), seeing, MAX_PROMPT)
    with pytest.raises(Unfit, match=says) as unfit:
        judge(Ask(["x"], looks=looks), seeing, MAX_PROMPT)
    assert unfit.value.param == "eyes"


def test_a_student_that_sees_and_does_not_repaint(seeing: Student) -> None:
    """It is told no mask, and who would have it repaint hears of its eyes."""
    with pytest.raises(Unfit, match="repaints no pictures, and so no part of one"):
        judge(Ask(["x"], masked=True, looks=(("edges", 1.0, ()),)), seeing, MAX_PROMPT)
    with pytest.raises(Unfit, match="it sees a picture by its eyes: name one of edges, far"):
        judge(Ask(["x"], strength=0.5), seeing, MAX_PROMPT)


def _upscaled(student: Student) -> Student:
    return replace(student, upscaler=an_upscaler())


@pytest.mark.parametrize("scales", [None, {}, {2: 0.1}])
def test_upscales(student: Student, scales: dict[int, float] | None) -> None:
    """A student's upscaler is asked for what it can, if that is known; once is what every student can."""
    judge(Ask(["a boat"], upscale=1), student, MAX_PROMPT, scales=scales)
    if scales is None or 2 in scales:
        judge(Ask(["a boat"], upscale=2, size="300x300"), _upscaled(student), MAX_PROMPT, True, scales)


@pytest.mark.parametrize(("ask", "scales", "code", "says"), [
    (3, None, "invalid_value", "larger makes pictures 2 or 4 times larger, not 3"),
    (4, {2: 0.1}, "invalid_value", "larger makes pictures 2 times larger, not 4"),
    (16, {2: 0.1, 4: 0.1}, "invalid_value", "2 or 4 times larger, not 16"),
])  # fmt: skip
def test_upscales_that_are_none(student: Student, ask: int, scales: dict[int, float] | None, code: str, says: str) -> None:
    """A scale that the upscaler has not is refused with those that it has."""
    with pytest.raises(Unfit, match=says) as refused:
        judge(Ask(["a boat"], upscale=ask), _upscaled(student), MAX_PROMPT, scales=scales)
    assert (refused.value.param, refused.value.code) == ("upscale", code)


def test_upscales_without_an_upscaler_or_too_large(student: Student) -> None:
    """A student without an upscaler says how one is given; a picture past the largest side says what would fit."""
    with pytest.raises(Unfit, match=r"embedded has no upscaler \(--upscaler\): leave upscale out"):
        judge(Ask(["a boat"], upscale=2), student, MAX_PROMPT)
    for side, remedy in ((1024, "ask for 2"), (2048, "leave upscale out")):
        large = replace(_upscaled(student), width=side, height=512)
        with pytest.raises(Unfit, match=f"{4 * side}x2048: a side is 2048 pixels here at most, so {remedy}"):
            judge(Ask(["a boat"], upscale=4), large, MAX_PROMPT)
