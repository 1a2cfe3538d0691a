"""Params: what a message may change, and that it says what is wrong in words."""

import json
from dataclasses import replace
from typing import Any

import pytest

import wire
from engines.student import Control, Student
from engines.students import load_student
from server.params import MAX_BLEND, MOST_EYES, Params, first_params, merge, normalised
from wire import WireError


def _merge(
    changes: dict[str, Any], current: Params | None = None, max_prompt: int = 2000, negative_prompt: bool = True
) -> Params:
    return merge(current or Params(), changes, max_prompt, replace(load_student("embedded"), negative_prompt=negative_prompt))


def test_defaults() -> None:
    """Without a word from the client the published filter is on and no prompt is set."""
    params = Params()
    assert params.blend() == (("", 1.0),)
    assert params.similarity is not None
    assert (params.similarity.threshold, params.similarity.max_skips) == (0.98, 10)


def test_a_change_leaves_the_rest() -> None:
    """Keys that a message does not name keep their values."""
    params = _merge({"strength": 0.25}, _merge({"prompt": "a boat", "seed": 7}))
    assert (params.prompt, params.seed, params.strength) == ("a boat", 7, 0.25)


def test_no_change() -> None:
    """An empty message is a valid one."""
    assert _merge({}) == Params()


def test_the_whole_comes_back() -> None:
    """What the server says is in force can be sent to it again, blends included."""
    params = _merge({"prompt": [{"text": "a"}, {"text": "b", "weight": 3}], "similarity": {"threshold": 0.5}})
    said = json.loads(wire.encode_text(params.model_dump()))
    assert _merge(said) == params


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"colour": "red"}, "unknown key 'colour'; known: prompt, negative_prompt"),
        ({"similarity": {"thresh": 0.5}}, "unknown key 'similarity.thresh'"),
        ({"prompt": 5}, "prompt: "),
        ({"prompt": []}, "prompt: .*at least 1"),
        ({"prompt": [{"text": "x"}] * 9}, "prompt: .*at most 8"),
        ({"prompt": [{"weight": 1.0}]}, "prompt.0.text: "),
        ({"prompt": [{"text": "x", "weight": -1}]}, "prompt.0.weight: .*greater than or equal to 0"),
        ({"prompt": [{"text": "x", "weight": float("inf")}]}, "prompt.0.weight: "),
        ({"prompt": [{"text": "x", "weight": 1e308}]}, "prompt.0.weight: "),
        ({"prompt": "\ud800"}, "prompt: "),
        ({"seed": -1}, "seed: .*greater than or equal to 0"),
        ({"seed": 2**32}, "seed: .*less than or equal to 4294967295"),
        ({"seed": 1.5}, "seed: .*integer"),
        ({"seed": True}, "seed: .*integer"),
        ({"seed": "1"}, "seed: .*integer"),
        ({"strength": -0.01}, "strength: "),
        ({"strength": 1.01}, "strength: "),
        ({"strength": float("nan")}, "strength: "),
        ({"format": "gif"}, "format: .*'jpeg', 'webp' or 'png'"),
        ({"quality": 0}, "quality: "),
        ({"quality": 101}, "quality: "),
        ({"similarity": {"threshold": 1.1}}, "similarity.threshold: "),
        ({"similarity": {"max_skips": -1}}, "similarity.max_skips: "),
        ({"similarity": {"measure": "best"}}, "similarity.measure: "),
        ({"similarity": 0.5}, "similarity: "),
        ({"transition": -1}, "transition: "),
        ({"transition": 61}, "transition: "),
        ({"transition": float("nan")}, "transition: "),
    ],
    ids=str,
)
def test_out_of_range(changes: dict[str, Any], complaint: str) -> None:
    """Each value that cannot be is refused under its own name, and nothing changes."""
    current = _merge({"prompt": "before"})
    with pytest.raises(WireError, match=complaint) as refused:
        _merge(changes, current)
    assert refused.value.code == "bad_params"
    assert "pydantic" not in str(refused.value)


def test_a_long_key_is_not_sent_back() -> None:
    """The complaint about a key of a megabyte is short."""
    with pytest.raises(WireError) as refused:
        _merge({"k" * 1_000_000: 1})
    assert len(str(refused.value)) < 1000


def test_edges() -> None:
    """The ends of every range belong to it."""
    _merge({"seed": 2**32 - 1, "strength": 1, "quality": 1, "transition": 60, "similarity": {"threshold": 1, "max_skips": 0}})
    _merge({"seed": 0, "strength": 0, "quality": 100, "transition": 0, "similarity": None})


def test_a_prompt_of_10000_characters() -> None:
    """A prompt longer than the server takes is refused with both lengths."""
    with pytest.raises(WireError, match="10000 characters; the most taken here is 2000"):
        _merge({"prompt": "x" * 10_000})


def test_long_prompts_add_up() -> None:
    """A blend is as long as its parts and the negative prompt together."""
    parts = [{"text": "x" * 400}] * 4
    _merge({"prompt": parts, "negative_prompt": "x" * 400})
    with pytest.raises(WireError, match="2001 characters"):
        _merge({"prompt": parts, "negative_prompt": "x" * 401})


@pytest.mark.parametrize("prompt", ["", "🐱" * 100, "a\x00b", "﷽" * 10])
def test_odd_prompts(prompt: str) -> None:
    """Prompts of no characters, of emoji, of control characters are prompts."""
    assert _merge({"prompt": prompt}).blend() == ((prompt, 1.0),)


def test_negative_prompt_unknown() -> None:
    """A student without negative prompts says so, and takes an empty one."""
    with pytest.raises(WireError, match="knows no negative prompts"):
        _merge({"negative_prompt": "blurry"}, negative_prompt=False)
    assert _merge({"negative_prompt": ""}, negative_prompt=False).negative_prompt == ""


def test_weights_sum_to_one() -> None:
    """A blend's weights are shares."""
    assert _merge({"prompt": [{"text": "a", "weight": 1}, {"text": "b", "weight": 3}]}).blend() == (("a", 0.25), ("b", 0.75))


def test_weights_of_zero() -> None:
    """Where all weights are zero all parts count the same."""
    assert normalised([("a", 0.0), ("b", 0.0)]) == (("a", 0.5), ("b", 0.5))


@pytest.mark.parametrize("weight", [5e-324, 1e-300, 1e6])
def test_extreme_weights(weight: float) -> None:
    """Weights at the ends of what numbers can say still sum to one."""
    blend = _merge({"prompt": [{"text": "a", "weight": weight}, {"text": "b", "weight": weight}]}).blend()
    assert sum(share for _, share in blend) == pytest.approx(1)


def test_a_strength_goes_with_a_style_until_one_is_chosen() -> None:
    """Without a strength of its own, a prompt has that of the first style it names, a blend the mean; a chosen one stays."""
    student = replace(load_student("embedded"), styles=("ink", "neon"), style_strengths=(("ink", 0.75), ("neon", 0.25)))

    def strength(changes: dict[str, Any], current: Params | None = None) -> float:
        told = merge(current or Params(), changes, 2000, student).told(student)["strength"]
        assert isinstance(told, float)
        return told

    assert strength({"prompt": "a boat"}) == student.strength == 0.5
    assert strength({"prompt": "a Boat, INK, neon"}) == 0.75
    assert strength({"prompt": "pink inkwell"}) == 0.5
    assert strength({"prompt": [{"text": "ink"}, {"text": "neon", "weight": 3}]}) == pytest.approx(0.375)
    chosen = merge(Params(), {"strength": 0.1}, 2000, student)
    assert strength({"prompt": "ink"}, chosen) == 0.1
    assert strength({"prompt": "ink", "strength": None}, chosen) == 0.75


def _seeing(img2img: bool) -> Student:
    student = load_student("embedded")
    contract = student.contract if img2img else replace(student.contract, strengths="none")
    return replace(student, contract=contract, controls=(Control("edges", "canny", scale=0.8), Control("far", "depth")))


def test_a_student_that_cannot_repaint_looks() -> None:
    """Before a word is said it looks by its first eye, as its file says; strength is then how much that counts."""
    student = _seeing(False)
    first = first_params(student)
    assert first.looks(student) == (("edges", 0.8, ()),)
    assert first.told(student)["strength"] == 1.0
    half = merge(first, {"strength": 0.5}, 100, student)
    assert half.looks(student) == (("edges", 0.4, ()),)
    own = merge(half, {"eyes": [{"name": "far", "scale": 1.5}, {"name": "edges", "knobs": {"low": 7}}]}, 100, student)
    assert own.looks(student) == (("far", 1.5, ()), ("edges", 0.4, (("low", 7.0),)))
    with pytest.raises(WireError, match="it sees a picture by its eyes: name one of edges, far"):
        merge(own, {"eyes": []}, 100, student)
    assert merge(own, own.told(student), 100, student) == own


def test_a_student_that_repaints_looks_when_it_is_told_to() -> None:
    """One that repaints has its strength for that, and its eyes beside it."""
    student = _seeing(True)
    assert first_params(student).looks(student) == ()
    both = merge(first_params(student), {"strength": 0.5, "eyes": [{"name": "edges"}]}, 100, student)
    assert (both.strength, both.looks(student)) == (0.5, (("edges", 0.8, ()),))


def test_an_eye_may_offer_a_strength() -> None:
    """Where nobody chose a strength, that of what sees the frame is in force, before that of a style."""
    student = _seeing(True)
    student = replace(student, controls=(replace(student.controls[0], strength=1.0), student.controls[1]))
    plain = merge(first_params(student), {"eyes": [{"name": "far"}]}, 100, student)
    assert plain.strength_of(student) == student.strength
    seeing = merge(plain, {"eyes": [{"name": "far"}, {"name": "edges"}]}, 100, student)
    assert (seeing.strength_of(student), seeing.told(student)["strength"]) == (1.0, 1.0)
    assert merge(seeing, {"strength": 0.4}, 100, student).strength_of(student) == 0.4


@pytest.mark.parametrize(
    ("eyes", "complaint"),
    [
        ([{"name": "near"}], "eyes: embedded has no eye 'near': choose among edges, far"),
        ([{"name": "edges", "scale": 3}], "eyes: a scale is 0 to 2"),
        ([{"scale": 1}], "eyes.0.name: Field required"),
        ([{"name": "edges", "much": 1}], "unknown key"),
        ("edges", "eyes: "),
        ([{"name": "edges", "knobs": {"low": "much"}}], "eyes.0.knobs.low"),
        ([{"name": "edges"}] * 5, "eyes: "),
    ],
    ids=str,
)
def test_eyes_that_are_none(eyes: Any, complaint: str) -> None:
    """What is wrong with an eye is said of the key that it is wrong with."""
    with pytest.raises(WireError, match=complaint):
        merge(Params(), {"eyes": eyes}, 100, _seeing(True))


def test_everything_at_once() -> None:
    """The largest message that is right has fewer values than are taken."""
    student = replace(_seeing(True), controls=tuple(Control(f"c{at}", "canny") for at in range(MOST_EYES)))
    eyes = [{"name": f"c{at}", "scale": 1.0, "knobs": {"low": 1.0, "high": 2.0}} for at in range(MOST_EYES)]
    blend = [{"text": f"{at}", "weight": 1.0} for at in range(MAX_BLEND)]
    everything = {**Params().model_dump(), "prompt": blend, "eyes": eyes, "strength": 0.5}
    assert merge(Params(), everything, 100, student).looks(student)[-1] == ("c3", 1.0, (("low", 1.0), ("high", 2.0)))
