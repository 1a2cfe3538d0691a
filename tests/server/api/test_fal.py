"""fal's realtime shape: messages to asks and back, the newest of those that wait, and seats."""

import base64
import json
from dataclasses import replace
from typing import Any

import msgpack
import pytest

from engines.student import Guidance, Student
from server.api.fal.messages import Fault, fault, read, written
from server.api.fal.realtime import Newest, Seats
from server.stills import Still
from server.types import Outcome, Result

STILLS = [Still(7, Result(1, Outcome.IMAGE, b"picture", size=(512, 512)))]


def message(**values: Any) -> bytes:
    packed: bytes = msgpack.packb(values)
    return packed


def answered(student: Student, stills: list[Still] = STILLS, **values: Any) -> Any:
    asked, image = read(message(**values))
    return msgpack.unpackb(written(asked, student, stills, image is not None))


def test_a_message(student: Student) -> None:
    """A prompt is asked for, with what else is said, at a size by its name or in pixels."""
    asked, image = read(message(prompt="a boat", seed=7, image_size="landscape_16_9", num_images=2))
    assert image is None
    ask = asked.ask(student, repainted=False)
    assert (ask.prompt, ask.size, ask.strength, asked.seed, asked.num_images) == (["a boat"], "1024x576", None, 7, 2)
    sized, _ = read(message(image_size={"width": 320, "height": 240}))
    assert sized.ask(student, repainted=False).size == "320x240"
    assert read(message())[0].ask(student, repainted=False).size == "256x256"


@pytest.mark.parametrize(
    "sent",
    [{"image_bytes": b"picture"}, {"image_url": "data:image/png;base64," + base64.b64encode(b"picture").decode()}],
    ids=str,
)
def test_a_picture(student: Student, sent: Any) -> None:
    """A picture to paint anew comes as bytes or as a data URI; without a strength the student's own is taken."""
    asked, image = read(message(prompt="x", **sent))
    assert image == b"picture"
    assert asked.ask(student, repainted=True).strength == student.strength


def test_an_answer(student: Student) -> None:
    """An answer has the picture's bytes, and its number; a data URI, too, where that is asked for."""
    answer = answered(student, prompt="x", request_id="mine", image_size="square")
    [image] = answer["images"]
    assert image == {"content": b"picture", "content_type": "image/jpeg", "width": 512, "height": 512}
    assert (answer["seed"], answer["request_id"]) == (7, "mine")
    [image] = answered(student, sync_mode=True, format="png")["images"]
    assert image["url"] == "data:image/png;base64," + base64.b64encode(b"picture").decode()


def test_without_effect(student: Student) -> None:
    """Fields that were sent and change nothing are named; what a student takes is not among them."""
    usual = {"num_inference_steps": 4, "guidance_scale": 1.0, "negative_prompt": "ugly", "enable_safety_checker": True}
    assert answered(student, prompt="x", strength=0.5, loras=[], **usual)["without_effect"] == [
        "enable_safety_checker", "guidance_scale", "loras", "negative_prompt", "num_inference_steps", "strength",
    ]  # fmt: skip
    told = replace(student, guidance=Guidance(2.0, 1.0, 4.0))
    sent = {"prompt": "x", "num_inference_steps": 1, "guidance_scale": 3.0, "negative_prompt": "", "seed": None}
    assert answered(told, **sent)["without_effect"] == []


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        (b"", "INVALID_MESSAGE", "a map in msgpack"),
        (b"\xc1", "INVALID_MESSAGE", "a map in msgpack"),
        (b"\x91" * 100_000, "INVALID_MESSAGE", "a map in msgpack"),
        (b"\xdd\x7f\xff\xff\xff", "INVALID_MESSAGE", "a map in msgpack"),
        (msgpack.packb(list(range(300))), "INVALID_MESSAGE", "a map in msgpack"),
        (msgpack.packb({1: 2}), "INVALID_MESSAGE", "a map in msgpack"),
        (msgpack.packb(5), "INVALID_INPUT", "dictionary"),
        (message(prompt=5), "INVALID_INPUT", "prompt: "),
        (message(seed=-1), "INVALID_INPUT", "seed: "),
        (message(strength=1.5), "INVALID_INPUT", "strength: "),
        (message(strength=float("nan")), "INVALID_INPUT", "strength: "),
        (message(image_size="huge"), "INVALID_INPUT", "image_size: "),
        (message(image_size={"width": 10_000, "height": 8}), "INVALID_INPUT", "image_size: "),
        (message(image_url="https://example.com/a.png"), "INVALID_INPUT", "nothing is fetched"),
        (message(image_url="data:image/png;base64,!"), "INVALID_INPUT", "not base64"),
        (message(num_images=5), "INVALID_INPUT", "num_images: "),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_cannot_be(data: bytes, error: str, says: str) -> None:
    """What is no message, or asks for what cannot be, is said by name and with a reason."""
    with pytest.raises(Fault) as wrong:
        read(data)
    assert wrong.value.error == error
    assert says in wrong.value.reason
    assert json.loads(fault(error, wrong.value.reason))["type"] == "x-fal-error"


async def test_the_newest() -> None:
    """Of what waits, the oldest gives way: when there are too many, or too many bytes."""
    waiting = Newest(2, 10)
    assert [waiting.put(one) for one in (b"a", b"b", b"c")] == [0, 0, 1]
    assert [await waiting.take(), await waiting.take()] == [b"b", b"c"]
    assert [waiting.put(b"x" * 6), waiting.put(b"y" * 6), waiting.put(b"z" * 20)] == [0, 1, 1]
    assert await waiting.take() == b"z" * 20


def test_seats() -> None:
    """There are so many connections of all, and so many of one owner."""
    seats = Seats(2, 1)
    with seats.taken("me"):
        assert "and you have" in (seats.objection("me") or "")
        assert seats.objection("other") is None
        with seats.taken("other"):
            assert "is full" in (seats.objection("third") or "")
    assert seats.objection("me") is None
