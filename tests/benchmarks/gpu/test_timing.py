"""Ticks are counted, kept under way and timed as said."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks.gpu.timing import CODEC_THREADS, Timing, make_pictures, settle, time_ticks, time_with_jpeg, to_jpeg
from engines.engine import Pixels
from server import codec, server
from tests.benchmarks.gpu.noting import Noting


class Clock:
    """A second passes with every look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def test_percentiles() -> None:
    """The nearest rank: of a hundred latencies the 99th is exceeded by one."""
    timing = Timing(100, 1.0, [float(n) for n in range(100, 0, -1)])
    assert (timing.percentile(50), timing.percentile(99), timing.percentile(100)) == (50.0, 99.0, 100.0)
    assert Timing(1, 1.0, [7.0]).percentile(99) == 7.0


def test_one_at_a_time(pictures: Callable[[int], list[Pixels]]) -> None:
    """With a depth of one each tick is finished before the next is begun."""
    painter = Noting()
    timing = time_ticks(painter, [pictures(2)], 10.0, Clock())
    assert painter.notes == [f"{word} {n}" for n in range(1, len(timing.latencies) + 1) for word in ("begin", "finish")]
    assert timing.images == 2 * len(timing.latencies) == 2 * 3
    assert timing.seconds == 11.0
    assert timing.latencies == [1.0] * 3


def test_one_ahead(pictures: Callable[[int], list[Pixels]]) -> None:
    """With a depth of two another is begun before one is finished, and none is left behind; a latency has both."""
    painter = Noting(depth=2)
    timing = time_ticks(painter, [pictures(1)], 9.0, Clock())
    assert painter.notes == ["begin 1", "begin 2", "finish 1", "begin 3", "finish 2", "finish 3"]
    assert timing.images == 3
    assert timing.latencies == [3.0, 4.0, 3.0]


def test_a_window_that_is_too_short(pictures: Callable[[int], list[Pixels]]) -> None:
    """However slow the machine, there is a tick to be timed."""
    assert len(time_ticks(Noting(), [pictures(1)], 0.0).latencies) == 1
    assert len(time_with_jpeg(Noting(depth=2), [to_jpeg(pictures(1))], 64, 0.0).latencies) >= 1


def test_rounds_take_turns(pictures: Callable[[int], list[Pixels]]) -> None:
    """Each tick has the next round's pictures."""
    painter, given = Noting(), pictures(3)
    time_ticks(painter, [[one] for one in given], 13.0, Clock())
    for at, seen in enumerate(painter.seen):
        np.testing.assert_array_equal(seen, given[at % 3])


@pytest.mark.parametrize("depth", [1, 2])
def test_with_jpeg(depth: int) -> None:
    """Every picture is decoded, painted and encoded, and what is begun is finished."""
    painter, given = Noting(depth), make_pictures(64, 4)
    timing = time_with_jpeg(painter, [to_jpeg(given[:2]), to_jpeg(given[2:])], 64, 0.1)
    ticks = len(timing.latencies)
    assert ticks > 2
    assert timing.images == len(painter.seen) == 2 * ticks
    assert sorted(painter.notes) == sorted(f"{word} {n}" for n in range(1, ticks + 1) for word in ("begin", "finish"))
    assert min(timing.latencies) > 0
    assert float(np.abs(painter.seen[0].astype(int) - given[0].astype(int)).mean()) < 6


def test_what_is_encoded_is_what_was_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The images that go to the codec are the painter's."""
    painter, encoded, encode = Noting(), list[Pixels](), codec.encode

    def noting(pixels: Pixels, *rest: Any) -> bytes:
        encoded.append(pixels)
        return encode(pixels, *rest)

    jpegs = to_jpeg(make_pictures(64, 1))
    monkeypatch.setattr(codec, "encode", noting)
    timing = time_with_jpeg(painter, [jpegs], 64, 0.02)
    assert len(encoded) == timing.images
    np.testing.assert_array_equal(encoded[0], 255 - painter.seen[0])


def test_pictures_that_get_lost(pictures: Callable[[int], list[Pixels]]) -> None:
    """A painter that gives fewer images than pictures is not measured."""

    class Losing(Noting):
        def finish(self, ticket: Any) -> list[Pixels]:
            return super().finish(ticket)[1:]

    with pytest.raises(ValueError, match="2 pictures came back as"):
        settle(Losing(), pictures(2))


def test_as_many_threads_as_the_server() -> None:
    """JPEG takes the threads that it has in the server."""
    assert server.CODEC_THREADS == CODEC_THREADS


def test_pictures_compress_like_a_cameras() -> None:
    """Neither flat nor noise: a tenth of a byte to a byte a pixel."""
    sizes: Sequence[int] = [len(jpeg) for jpeg in to_jpeg(make_pictures(512, 3))]
    assert all(0.05 < size / 512**2 < 1.0 for size in sizes)
