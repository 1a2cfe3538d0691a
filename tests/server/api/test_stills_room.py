import pytest

from server.api.openai import StillsRoom
from server.queue import QueueFull


def test_room_is_given_back() -> None:
    """What a request held is free again when it ends, even badly."""
    room = StillsRoom(3)
    for _ in range(4):
        with pytest.raises(ValueError, match="broken"), room.hold(3):
            raise ValueError("broken")
    with room.hold(3):
        pass


def test_no_more_than_the_limit() -> None:
    """A request that does not fit is refused, and takes nothing."""
    room = StillsRoom(3)
    with room.hold(2):
        with pytest.raises(QueueFull), room.hold(2):
            pass
        with room.hold(1):
            assert room.taken == 3
    assert room.taken == 0
