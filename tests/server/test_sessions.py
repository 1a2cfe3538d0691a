"""Sessions: how many, who may come back, for how long, and what is said of each connection."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from server.energy import Ledger
from server.energy.meter import MeterName
from server.metrics import Metrics
from server.sessions import PARKED_PER_LIVE, Full, Sessions
from server.tally import Tally
from server.types import Ending, Outcome


class Someone:
    """As much of a session as admission knows."""

    def __init__(self, number: int) -> None:
        self.token, self.name, self.owner = f"token-{number}", f"session-{number}", "nobody"
        self.send: Any = print
        self.student = SimpleNamespace(name="embedded")
        self.tally = Tally()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Door:
    def __init__(self, limit: int = 2, resume_seconds: float = 30.0) -> None:
        self.made = 0
        self.clock, self.metrics = Clock(), Metrics()
        self.ledger = Ledger(self.clock)
        self.sessions = Sessions(limit, resume_seconds, self.metrics, self.ledger, self.clock)

    def enter(self, resume: str | None, student: str | None = None, owner: str = "me") -> Any:
        return self.sessions.enter(owner, resume, self._make, student)

    def leave(self, session: Any, how: Ending = Ending.LEFT) -> dict[str, Any]:
        return self.sessions.leave(session, how)

    def _make(self) -> Any:
        self.made += 1
        return Someone(self.made)

    def ended(self, how: Ending) -> float | None:
        return self.metrics.registry.get_sample_value("allaprima_sessions_ended_total", {"reason": how})


def test_enter_and_leave() -> None:
    """Those who are there are counted, and so is who ended how."""
    door = Door()
    one, two = door.enter(None), door.enter(None)
    assert one is not two
    assert len(door.sessions) == 2
    door.leave(one, Ending.LOST)
    assert len(door.sessions) == 1
    assert (door.ended(Ending.LOST), door.ended(Ending.LEFT)) == (1, 0)


def test_full() -> None:
    """One too many is refused with when to try again, and a place is free once somebody leaves."""
    door = Door()
    one, _ = door.enter(None), door.enter(None)
    with pytest.raises(Full, match=r"2 live sessions\); try again in 10 seconds"):
        door.enter(None)
    assert len(door.sessions) == 2
    door.leave(one)
    door.enter(None)


def test_resume() -> None:
    """A session that left is found again by its id, within its time."""
    door = Door()
    one = door.enter(None)
    door.leave(one)
    door.clock.now = 29.9
    assert door.enter(one.token) is one
    assert door.made == 1


def test_resume_again() -> None:
    """A session may drop and come back any number of times, each with the whole time."""
    door = Door()
    one = door.enter(None)
    for _ in range(3):
        door.leave(one)
        door.clock.now += 29
        assert door.enter(one.token) is one


def test_too_late() -> None:
    """After its time a session is gone, and its id gives a new one."""
    door = Door()
    one = door.enter(None)
    door.leave(one)
    door.clock.now = 30.0
    assert door.enter(one.token) is not one


@pytest.mark.parametrize("resume", ["", "nobody", "token-1"])
def test_no_such_session(resume: str) -> None:
    """An id that nobody left, or of a session that is live, gives a new session."""
    door = Door()
    live = door.enter(None)
    assert door.enter(resume) is not live
    assert len(door.sessions) == 2


def test_two_want_the_same() -> None:
    """Of two who would resume a session one gets it and the other a new one."""
    door = Door()
    one = door.enter(None)
    door.leave(one)
    assert door.enter(one.token) is one
    assert door.enter(one.token) is not one


def test_full_keeps_the_parked() -> None:
    """Who is refused because the server is full may try again with the same id."""
    door = Door(limit=1)
    one = door.enter(None)
    door.leave(one)
    other = door.enter(None)
    with pytest.raises(Full):
        door.enter(one.token)
    door.leave(other)
    assert door.enter(one.token) is one


def test_nothing_is_sent_to_who_left() -> None:
    """A session without a connection sends nowhere."""
    door = Door()
    one = door.enter(None)
    door.leave(one)
    assert one.send("anything") is None
    assert one.send is not print


def test_resuming_switched_off() -> None:
    """With no time to resume nothing is kept."""
    door = Door(resume_seconds=0)
    one = door.enter(None)
    door.leave(one)
    assert door.enter(one.token) is not one
    assert not door.sessions._parked


def test_comers_and_goers_are_forgotten() -> None:
    """Clients that connect and leave in a loop take bounded memory; the latest to leave are kept."""
    door = Door(limit=2)
    for _ in range(1000):
        last = door.enter(None)
        door.leave(last)
    assert len(door.sessions._parked) <= PARKED_PER_LIVE * 2
    assert door.enter(last.token) is last


def test_what_is_said_of_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    """At its end one line tells who, how long, what became of its frames, and how it ended."""
    door = Door()
    one = door.enter(None)
    one.tally.frames, one.tally.errors = 6, 1
    one.tally.image(0.02)
    one.tally.image(0.04)
    one.tally.outcomes[Outcome.REPEAT] += 3
    door.clock.now += 12.5
    with caplog.at_level(logging.INFO):
        said = door.leave(one, Ending.STALLED)
    assert said == {
        "session": "session-1", "student": "embedded", "reason": "stalled", "seconds": 12.5, "frames": 6,
        "outcomes": {"image": 2, "repeat": 3}, "unanswered": 1, "errors": 1, "images": 2, "mean_ms": 30.0,
    }  # fmt: skip
    [record] = caplog.records
    assert record.getMessage() == "session ended"
    assert record.fields == said  # type: ignore[attr-defined]


def test_each_connection_is_counted_apart() -> None:
    """A session that comes back begins its count anew."""
    door = Door()
    one = door.enter(None)
    one.tally.frames = 5
    door.clock.now += 3
    door.leave(one)
    door.clock.now += 20
    assert door.enter(one.token) is one
    door.clock.now += 1
    said = door.leave(one)
    assert (said["frames"], said["seconds"], said["mean_ms"]) == (0, 1, None)


def test_joules() -> None:
    """What a session's images took is said at the end of each of its connections, of that connection only."""
    door = Door()
    meter = MeterName("gpu0", "nvml")
    door.ledger.enrol(meter)
    one = door.enter(None)
    for spent in (100, 40):
        with door.ledger.tick("embedded", [one.name, "somebody else"]):
            door.clock.now += 1
        door.ledger.close({meter: spent * 1_000_000})
        said = door.leave(one)
        assert (said["joules"], said["meter"]) == (spent / 2, "nvml")
        assert door.enter(one.token) is one


def test_no_joules_without_a_meter() -> None:
    """Where no meter is, nothing is said of joules."""
    door = Door()
    said = door.leave(door.enter(None))
    assert not {"joules", "meter"} & said.keys()


def test_nothing_is_kept_of_who_left() -> None:
    """The books of energy are closed with the connection."""
    door = Door(resume_seconds=0)
    for _ in range(100):
        door.leave(door.enter(None))
    assert not door.ledger._books
