"""Counters that wrap around, and counters that begin anew."""

import pytest

from server.energy.meter import Odometer


def test_steps_add_up() -> None:
    """What it shows is what the counter moved by since the first look."""
    odometer = Odometer(1000, 65_536)
    assert [odometer.advance(reading) for reading in (1000, 1500, 1500, 60_000)] == [0, 500, 500, 59_000]


def test_a_wrap() -> None:
    """A counter that fell by nearly its range went round: the way to the limit and the way from zero both count."""
    odometer = Odometer(65_000, 65_536)
    assert odometer.advance(464) == 1000
    assert odometer.advance(65_000) == 1000 + 64_536
    assert odometer.advance(100) == 1000 + 64_536 + 636


@pytest.mark.parametrize("limit", [65_536, 0])
def test_a_counter_that_begins_anew(limit: int) -> None:
    """A counter that fell by less began anew: nothing is guessed of what it missed, and it goes on from there."""
    odometer = Odometer(0, limit)
    assert odometer.advance(20_000) == 20_000
    assert odometer.advance(500) == 20_000
    assert odometer.advance(800) == 20_300


def test_a_counter_without_limit_never_wraps() -> None:
    """However far it falls."""
    odometer = Odometer(10**15)
    assert odometer.advance(0) == 0
    assert odometer.advance(7) == 7


def test_a_counter_beyond_its_own_limit() -> None:
    """A limit that is too low makes nothing run backwards."""
    odometer = Odometer(5000, 1000)
    assert odometer.advance(100) == 0
