"""Hostile clients keep within what they are given: a rate, an end, a number of sockets; and write what they mean to."""

import io
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from PIL import Image
from websockets.frames import Frame
from websockets.streams import StreamReader

from benchmarks.siege import frames, hostile, material
from benchmarks.siege.attack import all_attacks
from benchmarks.siege.hostile import Hostile, Start


@contextmanager
def swallowing() -> Iterator[tuple[int, Callable[[], int]]]:
    """A port that reads all and answers nothing, and how many bytes it has had."""
    had = [0]

    def swallow(one: socket.socket) -> None:
        with one:
            while data := one.recv(65536):
                had[0] += len(data)

    def serve() -> None:
        while True:
            try:
                one, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=swallow, args=(one,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], lambda: had[0]
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def client(port: int, seconds: float, rate: float = 1e5, start: Start | None = None) -> Iterator[Hostile]:
    """A hostile client; without a start of its own it may begin at once."""
    if start is None:
        start = Start(1)
        start.give()
    me = Hostile(port, "127.0.0.1", 0, seconds, rate, start)
    yield me
    me.close()


def test_no_more_than_the_rate() -> None:
    """However long it really took, no more was sent than the rate allows for that time."""
    with swallowing() as (port, _), client(port, 0.5) as me:
        began = time.monotonic()
        me.pour(bytes(1000), me.connect)
        took = time.monotonic() - began
    assert 0 < me.sent <= 1e5 * (took + 0.2)


def test_connections_are_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "_COST_OF_CONNECTING", 50_000)
    with swallowing() as (port, _), client(port, 0.4) as me:
        count = 0
        began = time.monotonic()
        for _ in me.rounds():
            count += me.connect() is not None
        took = time.monotonic() - began
    assert 1 <= count <= 2 + 2 * took


def test_sockets_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hostile, "MOST_SOCKETS", 3)
    with swallowing() as (port, _), client(port, 30.0, 1e9) as me:
        sockets = [me.connect() for _ in range(5)]
        assert sum(one is not None and one.fileno() >= 0 for one in sockets) == 3


def test_nobody_connects_before_the_sign() -> None:
    start = Start(1)
    with swallowing() as (port, had), client(port, 30.0, start=start) as me:
        connected: list[bool] = []

        def attack() -> None:
            one = me.connect()
            connected.append(one is not None and me.send(one, b"now"))

        thread = threading.Thread(target=attack)
        thread.start()
        start.armed()
        assert (connected, had()) == ([], 0)
        start.give()
        thread.join(30)
        assert connected == [True]


def test_frames_are_what_they_say() -> None:
    """A client of the protocol reads them back; only those that are meant to be broken are."""
    reader = StreamReader()
    reader.feed_data(frames.picture(7, b"image") + frames.frame(frames.PING, b"p" * 125) + frames.params(seed=1))
    read = []
    for _ in range(3):
        parsing = Frame.parse(reader.read_exact, mask=True, max_size=None)
        with pytest.raises(StopIteration) as done:
            next(parsing)
        read.append(done.value.value)
    assert read[0].data == struct.pack("<I", 7) + b"image"
    assert (int(read[1].opcode), len(read[1].data)) == (frames.PING, 125)
    assert read[2].data == b'{"type":"params","seed":1}'


def test_pictures_are_small_and_costly() -> None:
    costly = {
        "webp": material.plain(1000, "WEBP", lossless=True),
        "scans": material.jpeg_of_scans(500, 64),
        "png": material.png_flat(1000),
        "interlaced": material.png_flat(500, interlaced=True),
        "16 bits": material.png_flat(500, 16),
        "chunks": material.png_of_chunks(100),
        "segments": material.jpeg_of_segments(100),
        "texts": material.png_of_texts(2, 1000),
        "profile": material.png_profile(1000),
        "turned": material.jpeg_turned(64),
    }
    for name, data in costly.items():
        with Image.open(io.BytesIO(data)) as image:
            image.load()
        assert len(data) < 60_000, name
    assert costly["scans"].count(b"\xff\xda") == 64


def test_every_attack_says_what_it_does() -> None:
    attacks = all_attacks()
    assert len(attacks) > 90
    assert {one.group for one in attacks.values()} == {1, 2, 4, 5, 7, 9, 10}
    assert all(one.what.endswith(".") for one in attacks.values())
