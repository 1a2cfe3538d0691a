"""Room by owner: one who has all of its own takes nothing of another's."""

import pytest

from server.room import Room


def test_each_has_its_own() -> None:
    """Who holds as many as there are is full, nobody else is, and what is given back can be taken again."""
    room = Room(2)
    with room.hold("one"), room.hold("one"):
        assert room.is_full("one")
        assert not room.is_full("two")
    assert not room.is_full("one")
    assert not room._taken


def test_given_back_after_a_fault() -> None:
    """A place is given back however its holder ends."""
    room = Room(1)
    with pytest.raises(RuntimeError), room.hold("one"):
        raise RuntimeError
    assert not room.is_full("one")
