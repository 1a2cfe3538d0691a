"""Frames are counted while they are parsed, and what there is too much of fails the connection."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, Protocol

from server.transport.frames import (
    CONTROL_BURST,
    CONTROL_RATE,
    MESSAGE_BURST,
    MESSAGE_RATE,
    MOST_FRAGMENTS,
    CountedFrames,
)


class Peer:
    """One end of a connection whose handshake is over."""

    def __init__(self) -> None:
        self.now = 0.0
        self.frames = CountedFrames(max_size=1 << 20, clock=lambda: self.now)
        self.frames.parser = Protocol.parse(self.frames)  # without the handshake
        next(self.frames.parser)
        self.frames.state = OPEN

    def send(self, *frames: Frame) -> int:
        """How many of them came through."""
        self.frames.receive_data(b"".join(frame.serialize(mask=True) for frame in frames))
        return len(self.frames.events_received())


PING = Frame(Opcode.PING, b"")
TEXT = Frame(Opcode.TEXT, b"{}")


def part(data: bytes = b"", fin: bool = False, opcode: Opcode = Opcode.CONT) -> Frame:
    return Frame(opcode, data, fin)


EMPTY = [Frame(opcode, b"") for opcode in (Opcode.PING, Opcode.PONG, Opcode.TEXT, Opcode.BINARY)]


@pytest.mark.parametrize("frame", [*EMPTY, Frame(Opcode.PING, b"x" * 125)])
def test_frames_that_carry_nothing(frame: Frame) -> None:
    """Pings, pongs and empty messages: a burst is taken, one more fails the connection, and nothing after it is parsed."""
    peer = Peer()
    assert peer.send(*[frame] * int(CONTROL_BURST)) == CONTROL_BURST
    assert peer.send(*[frame] * 1000) == 0
    assert peer.frames.close_sent is not None
    assert peer.frames.close_sent.code == 1008
    assert peer.frames.excess
    seen = peer.frames.seen
    peer.send(*[frame] * 1000)
    assert peer.frames.seen == seen


def test_empty_parts() -> None:
    """Empty parts of a message without end are no way around that."""
    peer = Peer()
    peer.send(part(b"x", opcode=Opcode.BINARY))
    peer.send(*[part()] * 1000)
    assert "empty frames" in peer.frames.excess
    assert peer.frames.seen < 100


def test_many_small_parts() -> None:
    """A message in more parts than anybody needs fails the connection; as many as that are taken."""
    peer = Peer()
    whole = [part(b"x", opcode=Opcode.BINARY), *[part(b"x")] * (MOST_FRAGMENTS - 2), part(b"x", fin=True)]
    assert peer.send(*whole) == MOST_FRAGMENTS
    assert peer.send(*whole) == MOST_FRAGMENTS
    assert peer.send(part(b"x", opcode=Opcode.BINARY), *[part(b"x")] * MOST_FRAGMENTS) == MOST_FRAGMENTS
    assert "frames" in peer.frames.excess


def test_a_slow_ping_goes_on_for_ever() -> None:
    """Pings within the rate are answered, however many there are in all."""
    peer = Peer()
    for _ in range(500):
        assert peer.send(PING) == 1
        peer.now += 1 / CONTROL_RATE
    assert not peer.frames.excess


def test_many_messages_are_read_later() -> None:
    """More messages than the rate fail nobody: reading is put off until they are made good."""
    peer = Peer()
    assert peer.send(*[TEXT] * 1000) == 1000
    assert not peer.frames.excess
    assert peer.frames.wait() == pytest.approx((1000 - MESSAGE_BURST + 1) / MESSAGE_RATE)
    peer.now += peer.frames.wait()
    assert peer.frames.wait() == pytest.approx(0, abs=1e-9)


def test_unfinished() -> None:
    """A frame cut in two, and a message without its last part, are unfinished until the rest has come."""
    peer = Peer()
    data = TEXT.serialize(mask=True)
    assert not peer.frames.unfinished
    peer.frames.receive_data(data[:4])
    assert peer.frames.unfinished
    peer.frames.receive_data(data[4:])
    assert not peer.frames.unfinished
    peer.send(part(b"x", opcode=Opcode.TEXT))
    assert peer.frames.unfinished
    peer.send(part(b"x", fin=True))
    assert not peer.frames.unfinished
