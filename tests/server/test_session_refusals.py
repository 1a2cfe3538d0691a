"""What a session is sent wrongly, and what became no image: each is said with its code, and the session goes on."""

import json
from typing import Any

import pytest

from server.types import Outcome
from wire import AnswerKind, FrameIn


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense", "bad_json"),
        ('{"seed":' + "9" * 5000 + "}", "bad_json"),
        ("[]", "bad_message"),
        ('{"type":"hello"}', "bad_message"),
        ('{"type":"params","colour":1}', "bad_params"),
        ('{"type":"params","\\ud800":1}', "bad_params"),
        ('{"type":"params","strength":2}', "bad_params"),
        ('{"type":"params","strength":NaN}', "bad_params"),
        ('{"type":"params","negative_prompt":"x"}', "bad_params"),
        (json.dumps({"type": "params", "prompt": "x" * 101}), "bad_params"),
        (json.dumps({"type": "params", "prompt": "x" * 1_000_000}), "bad_message"),
        ('{"type":"params","rev":1}', "bad_params"),
    ],
)
async def test_bad_text(make_client: Any, text: str, code: str) -> None:
    """A message that cannot be is answered with its code, changes nothing, and the next one is heard."""
    client = make_client()
    before, rev = client.session.params, client.session.rev
    client.session.text(text)
    (error,) = client.sent
    assert (error["type"], error["code"]) == ("error", code)
    assert len(error["message"]) < 500
    assert (client.session.params, client.session.rev) == (before, rev)
    client.params(prompt="fine")
    assert client.sent[-1]["prompt"] == "fine"


@pytest.mark.parametrize("data", [b"", b"\x01\x02", b"\x01\x00\x00\x00"])
async def test_a_frame_too_short(make_client: Any, encoded: Any, data: bytes) -> None:
    """A binary message without an image is an error, and the next frame is painted."""
    client = make_client()
    assert not client.session.frame(data)
    assert [e["code"] for e in client.errors] == ["bad_frame"]
    client.frame(1, encoded())
    await client.jobs(1)


@pytest.mark.parametrize("second", [5, 4, 0])
async def test_an_id_twice(make_client: Any, encoded: Any, second: int) -> None:
    """An id that does not grow is an error without an id; the first frame keeps its one answer."""
    client = make_client()
    client.frame(5, encoded())
    await client.jobs(1)
    assert not client.session.frame(FrameIn(second, encoded()).encode())
    assert client.session.frame(FrameIn(6, encoded()).encode())
    assert client.errors[0]["code"] == "bad_id"
    assert "id" not in client.errors[0]
    client.queue.answer(0)
    await client.until(lambda: client.answers)
    client.frame(6, encoded())
    await client.jobs(2)
    client.queue.answer(1)
    await client.until(lambda: len(client.answers) == 2)
    assert [a.id for a in client.answers] == [5, 6]


@pytest.mark.parametrize("similar", [True, False])
async def test_a_bad_image(make_client: Any, encoded: Any, similar: bool) -> None:
    """A frame that is no image is an error with its id, and costs no job."""
    client = make_client(similar=similar)
    client.frame(1, b"GIF89a nothing")
    await client.until(lambda: client.errors)
    assert (client.errors[0]["code"], client.errors[0]["id"]) == ("bad_image", 1)
    client.frame(2, encoded())
    await client.jobs(1)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.FAILED, "engine_error"), (Outcome.REFUSED, "unsupported_strength"), (Outcome.FAILED, "shutting_down")],
)
async def test_no_image(make_client: Any, encoded: Any, outcome: Outcome, code: str) -> None:
    """What became no image is said with its id and code."""
    client = make_client()
    client.frame(3, encoded())
    await client.jobs(1)
    client.queue.answer(0, outcome, code=code, message="because")
    await client.until(lambda: client.errors)
    assert client.errors == [{"type": "error", "code": code, "message": "because", "id": 3}]


async def test_late(make_client: Any, encoded: Any) -> None:
    """A frame that was too late is dropped, without a fuss."""
    client = make_client()
    client.frame(3, encoded())
    await client.jobs(1)
    client.queue.answer(0, Outcome.DROPPED_LATE, code="late", message="late")
    await client.until(lambda: client.answers)
    assert client.answers[0].kind is AnswerKind.DROPPED
    assert client.errors == []


async def test_no_room_in_the_queue(make_client: Any, encoded: Any) -> None:
    """A frame for which there is no room is refused with its id, and the next may be taken."""
    client = make_client()
    client.queue.full = True
    client.frame(1, encoded())
    await client.until(lambda: client.errors)
    assert (client.errors[0]["code"], client.errors[0]["id"]) == ("full", 1)
    client.queue.full = False
    client.frame(2, encoded())
    await client.jobs(1)
    assert client.count(Outcome.REFUSED) == 1
    assert client.refusals() == {"full": 1}
