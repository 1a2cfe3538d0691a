"""A worker's status: a value that is read, and what is told of it."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError, replace

import pytest

from server.status import Board, Fleet, State, Status, Statuses

READY = Status("embedded", State.READY, seconds={4: 0.02, 1: 0.01, 8: 0.06})


def test_before_it_is_ready() -> None:
    """Until it is ready a worker is starting, and says with what it is busy."""
    status = Board("embedded").read()
    assert (status.state, status.ready, status.sizes, status.largest) == (State.STARTING, False, (), 1)
    assert (status.tick_seconds, status.row_seconds) == (0.0, 0.0)
    assert status.not_ready() == "starting: the engine of embedded is being built and warmed up"
    assert str(replace(status, doing="fetching unet").not_ready()).endswith("(fetching unet)")


def test_ready() -> None:
    """One that is ready says its sizes, what its largest tick takes, and a row where most are done in a second."""
    assert READY.ready
    assert READY.not_ready() is None
    assert (READY.sizes, READY.largest) == ((1, 4, 8), 8)
    assert (READY.tick_seconds, READY.row_seconds) == (0.06, 0.005)


@pytest.mark.parametrize(
    ("state", "says"), [(State.STUCK, "it hangs"), (State.FAILED, "it hangs"), (State.STOPPED, "shutting down")]
)
def test_not_ready(state: State, says: str) -> None:
    """One that does not paint says why."""
    assert replace(READY, state=state, error="it hangs").not_ready() == says


def test_a_fleet() -> None:
    """Workers seen as one: as many rows as all have, a tick as long as the slowest one's, and the rates of all together."""
    slow = replace(READY, seconds={2: 0.2})
    fleet = Fleet("embedded", (READY, slow, Status("embedded")))
    assert fleet.ready
    assert fleet.not_ready() is None
    assert (fleet.largest, fleet.tick_seconds) == (10, 0.2)
    assert fleet.row_seconds == pytest.approx(1 / (1 / 0.005 + 1 / 0.1))


def test_what_a_fleet_makes_larger() -> None:
    """Of a fleet as much is offered as every worker that is ready can do, as slowly as the slowest; why one cannot is told."""
    able, slow = replace(READY, upscales={2: 0.1, 4: 0.4}), replace(READY, upscales={2: 0.3})
    assert dict(Fleet("embedded", (able, able)).upscales) == {2: 0.1, 4: 0.4}
    assert dict(Fleet("embedded", (able, slow, Status("embedded"))).upscales) == {2: 0.3}
    none = replace(READY, no_upscale="no room")
    assert (dict(Fleet("embedded", (able, none)).upscales), Fleet("embedded", (able, none)).no_upscale) == ({}, "no room")
    assert (dict(Fleet("embedded").upscales), Fleet("embedded").no_upscale) == ({}, "")


def test_a_fleet_that_cannot_paint() -> None:
    """It says why: nobody is there, nobody is ready, or nobody can be reached."""
    assert Fleet("embedded").not_ready() == "no worker serves embedded now"
    starting = Status("embedded")
    assert Fleet("embedded", (starting,)).not_ready() == starting.not_ready()
    assert Fleet("embedded", (READY,), "it is far away").not_ready() == "it is far away"
    leaving = replace(READY, state=State.STOPPED)
    assert Fleet("embedded", (leaving,)).not_ready() == "no worker serves embedded now"
    assert Fleet("embedded", (leaving, starting)).not_ready() == starting.not_ready()
    assert (Fleet("embedded").largest, Fleet("embedded").row_seconds) == (1, 0.0)


def test_a_value() -> None:
    """Nobody changes a status that somebody reads."""
    with pytest.raises(FrozenInstanceError):
        READY.state = State.FAILED  # type: ignore[misc]


def test_published() -> None:
    """The last one published is read, and who asked is told of each."""
    board, told = Board("embedded"), list[Status]()
    board.subscribe(told.append)
    board.publish(READY)
    assert board.read() is READY
    board.publish(replace(READY, state=State.STOPPED))
    assert [status.state for status in told] == [State.READY, State.STOPPED]


def test_many_workers_are_summed_once() -> None:
    """What all of them are together is asked at every frame: it is not counted anew each time."""

    class Counting(Statuses):
        counted = 0

        def __iter__(self) -> Iterator[Status]:
            Counting.counted += 1
            return super().__iter__()

    workers = Counting((READY, READY))
    before = Counting.counted
    assert [Fleet("embedded", workers).largest for _ in range(3)] == [2 * READY.largest] * 3
    assert Counting.counted == before + 1
