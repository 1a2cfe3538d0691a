"""Sessions: how many, who may come back, and for how long."""

from types import SimpleNamespace
from typing import Any

import pytest

from server.metrics import Metrics
from server.sessions import PARKED_PER_LIVE, Full, Sessions


class Someone:
    """As much of a session as admission knows."""

    def __init__(self, number: int) -> None:
        self.id = f"session-{number}"
        self.send: Any = print
        self.student = SimpleNamespace(name="embedded")


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Door:
    def __init__(self, limit: int = 2, resume_seconds: float = 30.0) -> None:
        self.made = 0
        self.clock, self.metrics = Clock(), Metrics()
        self.sessions = Sessions(limit, resume_seconds, self.metrics, self.clock)

    def enter(self, resume: str | None, student: str | None = None) -> Any:
        return self.sessions.enter(resume, self._make, student)

    def _make(self) -> Any:
        self.made += 1
        return Someone(self.made)

    @property
    def gauge(self) -> float | None:
        return self.metrics.registry.get_sample_value("allaprima_sessions")


def test_enter_and_leave() -> None:
    """The gauge follows who is there."""
    door = Door()
    one, two = door.enter(None), door.enter(None)
    assert one is not two
    assert (len(door.sessions), door.gauge) == (2, 2)
    door.sessions.leave(one)
    assert (len(door.sessions), door.gauge) == (1, 1)


def test_full() -> None:
    """One too many is refused with when to try again, and a place is free once somebody leaves."""
    door = Door()
    one, _ = door.enter(None), door.enter(None)
    with pytest.raises(Full, match=r"2 live sessions\); try again in 10 seconds"):
        door.enter(None)
    assert door.gauge == 2
    door.sessions.leave(one)
    door.enter(None)


def test_resume() -> None:
    """A session that left is found again by its id, within its time."""
    door = Door()
    one = door.enter(None)
    door.sessions.leave(one)
    door.clock.now = 29.9
    assert door.enter(one.id) is one
    assert door.made == 1


def test_resume_again() -> None:
    """A session may drop and come back any number of times, each with the whole time."""
    door = Door()
    one = door.enter(None)
    for _ in range(3):
        door.sessions.leave(one)
        door.clock.now += 29
        assert door.enter(one.id) is one


def test_too_late() -> None:
    """After its time a session is gone, and its id gives a new one."""
    door = Door()
    one = door.enter(None)
    door.sessions.leave(one)
    door.clock.now = 30.0
    assert door.enter(one.id) is not one


@pytest.mark.parametrize("resume", ["", "nobody", "session-1"])
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
    door.sessions.leave(one)
    assert door.enter(one.id) is one
    assert door.enter(one.id) is not one


def test_full_keeps_the_parked() -> None:
    """Who is refused because the server is full may try again with the same id."""
    door = Door(limit=1)
    one = door.enter(None)
    door.sessions.leave(one)
    other = door.enter(None)
    with pytest.raises(Full):
        door.enter(one.id)
    door.sessions.leave(other)
    assert door.enter(one.id) is one


def test_nothing_is_sent_to_who_left() -> None:
    """A session without a connection sends nowhere."""
    door = Door()
    one = door.enter(None)
    door.sessions.leave(one)
    assert one.send("anything") is None
    assert one.send is not print


def test_resuming_switched_off() -> None:
    """With no time to resume nothing is kept."""
    door = Door(resume_seconds=0)
    one = door.enter(None)
    door.sessions.leave(one)
    assert door.enter(one.id) is not one
    assert not door.sessions._parked


def test_comers_and_goers_are_forgotten() -> None:
    """Clients that connect and leave in a loop take bounded memory; the latest to leave are kept."""
    door = Door(limit=2)
    for _ in range(1000):
        last = door.enter(None)
        door.sessions.leave(last)
    assert len(door.sessions._parked) <= PARKED_PER_LIVE * 2
    assert door.enter(last.id) is last
