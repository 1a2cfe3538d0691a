"""What a session counts: its connection's counts, and refusals by why."""

from typing import Any

import pytest

from server.connection_counts import ConnectionCounts
from server.types import Outcome

from .hand import DEPTH


async def test_counts(make_client: Any, encoded: Any) -> None:
    """Every frame is counted under what became of it, and an image with its time from arrival to answer."""
    client = make_client()
    for number in range(DEPTH):
        client.frame(number, encoded(seed=number))
        await client.jobs(number + 1)
    for number in range(DEPTH, DEPTH + 3):
        client.frame(number, encoded(seed=number))
    client.now += 0.25
    client.queue.answer(0)
    client.queue.answer(1, Outcome.DROPPED_LATE)
    await client.jobs(DEPTH + 1)
    said = client.session.counts.fields(client.now)
    assert said["frames"] == DEPTH + 3
    assert said["outcomes"] == {"image": 1, "dropped_newer": 2, "dropped_late": 1}
    assert (said["unanswered"], said["mean_ms"]) == (1, 250.0)


async def test_counts_of_the_filter(make_client: Any, encoded: Any) -> None:
    """Repeats and frames that are no image are counted too."""
    client = make_client(similar=True)
    client.params(similarity={"threshold": -1})
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0)
    client.frame(1, encoded())
    await client.until(lambda: len(client.answers) == 2)
    client.frame(2, b"no image")
    await client.until(lambda: client.errors)
    assert client.session.counts.fields(client.now)["outcomes"] == {"image": 1, "repeat": 1, "failed": 1}


async def test_counts_of_each_connection(make_client: Any, encoded: Any) -> None:
    """What one connection counted is not the next one's."""
    client = make_client()
    client.frame(0, encoded())
    await client.jobs(1)
    client.session.counts = ConnectionCounts()
    client.frame(1, encoded())
    assert client.session.counts.frames == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [("nonsense", "protocol"), ('{"type":"hello"}', "protocol"), ('{"type":"params","strength":2}', "bad_request")],
)
async def test_refused_messages(make_client: Any, text: str, reason: str) -> None:
    """A message that is refused is counted by why, and in the connection's counts."""
    client = make_client()
    client.session.text(text)
    assert client.refusals() == {reason: 1}
    assert client.session.counts.errors == 1


@pytest.mark.parametrize(
    ("outcome", "code", "refusals"),
    [
        (Outcome.REFUSED, "unsupported_strength", {"unsupported": 1}),
        (Outcome.FAILED, "bad_image", {"bad_request": 1}),
        (Outcome.FAILED, "engine_error", {}),
        (Outcome.DROPPED_LATE, "late", {}),
    ],
)
async def test_refused_frames(make_client: Any, encoded: Any, outcome: Outcome, code: str, refusals: Any) -> None:
    """A frame that could not be painted for what it is counts as refused; one that failed here or came late does not."""
    client = make_client()
    client.frame(0, encoded())
    await client.jobs(1)
    client.queue.answer(0, outcome, code=code, message="because")
    await client.until(lambda: client.sent)
    assert client.refusals() == refusals
