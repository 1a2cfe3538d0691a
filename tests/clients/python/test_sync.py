"""The same without async, and what is left when it ends."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allaprima import BadParams, Gone
from allaprima.sync import connect

from tests.standing_in import JPEG, StandIn


def no_more_threads_than(before: int) -> bool:
    """Whether all that were begun have ended, or end within seconds."""
    until = time.monotonic() + 20
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.005)
    return threading.active_count() <= before


def test_the_same_words(threaded: StandIn) -> None:
    """Connect, paint, change, and leave; nothing is left running."""
    before = threading.active_count()
    with connect(threaded.url, prompt="ink") as live:
        images = [image.data for image in live.paint([b"a", b"b", b"c", b"d"])]
        assert live.change(seed=7)["seed"] == 7
        with pytest.raises(BadParams):
            live.change(nonsense=1)
        assert (live.student, live.size, live.counts.painted) == ("stand-in", (64, 48), 4)
    assert images == [JPEG] * 4
    assert threaded.params == [{"prompt": "ink"}, {"seed": 7}]
    assert no_more_threads_than(before)


def test_a_loop_that_is_left(threaded: StandIn) -> None:
    """A loop that is left early leaves the session free for another."""

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with connect(threaded.url) as live:
        for number, _ in enumerate(live.paint(endless())):
            if number == 2:
                break
        assert [image.data for image in live.paint([b"y"])] == [JPEG]


def test_a_session_that_is_left_in_a_loop(threaded: StandIn, caplog: pytest.LogCaptureFixture) -> None:
    """A session that ends while its loop is neither over nor closed ends quietly, and the loop with it."""
    with connect(threaded.url) as live:
        painting = live.paint(iter(lambda: b"x", None))
        next(painting)
    with pytest.raises(RuntimeError, match="not open"):
        next(painting)
    assert not caplog.records


def test_two_loops_at_once(threaded: StandIn) -> None:
    """A second loop beside the first is refused, and the first goes on."""
    with connect(threaded.url) as live:
        painting = live.paint(iter(lambda: b"x", None))
        next(painting)
        with pytest.raises(RuntimeError, match="paints already"):
            next(live.paint([b"y"]))
        assert next(painting).data == JPEG


def test_interrupted_while_it_waits(threaded: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it waits for an image comes through at once, and the session can still be closed."""
    threaded.answer = lambda frame: None
    with connect(threaded.url) as live:
        run: Any = live._run

        def interrupted(work: Any) -> Any:
            if getattr(work, "__name__", "") == "_next":
                monkeypatch.setattr(live, "_run", run)
                future = asyncio.run_coroutine_threadsafe(work, live._loop)  # type: ignore[arg-type]
                while not threaded.frames:
                    time.sleep(0.005)
                future.cancel()
                raise KeyboardInterrupt
            return run(work)

        monkeypatch.setattr(live, "_run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            list(live.paint([b"x"]))


def test_no_server() -> None:
    """Without a server it says so, and leaves no thread."""
    before = threading.active_count()
    with pytest.raises(Gone), connect("http://127.0.0.1:1"):
        pass
    assert no_more_threads_than(before)


def test_before_it_is_open() -> None:
    """Whoever forgets `with` is told."""
    with pytest.raises(RuntimeError, match="within"):
        connect("http://127.0.0.1:1").change(seed=1)
