"""Travels from prompt to prompt: weights that sum to one, however often the way is changed."""

from typing import Any

import pytest

from server.session import MOST_PARTS, Travel


async def test_transition(make_client: Any, encoded: Any) -> None:
    """After a change with a transition the weights travel from the old prompt to the new, and no frame is skipped meanwhile."""
    client = make_client(similar=True)
    client.params(prompt="day", similarity={"threshold": -1})
    client.params(prompt="night", transition=4)
    weights = []
    for number, now in enumerate([1000.0, 1001.0, 1003.0, 1004.0]):
        client.now = now
        client.frame(number, encoded())
        weights.append(dict((await client.jobs(number + 1))[-1].prompt))
        client.queue.answer(number)
        await client.until(lambda n=number: len(client.answers) == n + 1)
    assert weights == [{"day": 1.0, "night": 0.0}, {"day": 0.75, "night": 0.25}, {"day": 0.25, "night": 0.75}, {"night": 1.0}]


def test_travel_turns_around() -> None:
    """A change on the way starts from where the travel is."""
    travel = Travel((("a", 1.0),))
    travel.to((("b", 1.0),), 10, 0.0)
    travel.to((("c", 1.0),), 10, 5.0)
    assert dict(travel.at(5.0)) == {"a": 0.5, "b": 0.5, "c": 0.0}
    assert dict(travel.at(10.0)) == {"a": 0.25, "b": 0.25, "c": 0.5}
    assert travel.at(15.0) == (("c", 1.0),)


def test_travel_does_not_grow() -> None:
    """Turned around a thousand times, a travel has a bounded number of prompts, whose weights sum to one."""
    travel = Travel((("start", 1.0),))
    for n in range(1000):
        travel.to(((f"prompt {n}", 1.0),), 60, n * 0.01)
        blend = travel.at(n * 0.01 + 0.005)
        assert len(blend) <= MOST_PARTS + 1
        assert sum(weight for _, weight in blend) == pytest.approx(1)
    assert travel.at(1000.0) == (("prompt 999", 1.0),)


def test_travel_at_once() -> None:
    """Without a transition the new prompt is there at once."""
    travel = Travel((("a", 1.0),))
    travel.to((("b", 1.0),), 0, 7.0)
    assert travel.at(7.0) == (("b", 1.0),)
    assert travel.arrived(7.0)
