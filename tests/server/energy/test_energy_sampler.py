"""Meters read in turn: through wrap-around, want of permission, loss, and meters that break in ways of their own."""

import logging
import threading
import time
from itertools import pairwise

import pytest

from server.energy.ledger import Ledger
from server.energy.rapl import find_rapl
from server.energy.sampler import Sampler

from .conftest import RANGE, Clock, FakeMeter, Powercap

MJ = 1_000_000


def _joules(ledger: Ledger) -> dict[str, float]:
    return {reading.name.device: reading.joules for reading in ledger.readings()}


def test_windows(clock: Clock) -> None:
    """Each window gets what its meters moved by, and power is that over its seconds."""
    ledger, gpu, cpu = Ledger(clock), FakeMeter("gpu0"), FakeMeter("package-0", "rapl")
    sampler = Sampler([gpu, cpu], ledger)
    clock.now += 1
    gpu.microjoules, cpu.microjoules = 60 * MJ, 20 * MJ
    sampler.sample()
    clock.now += 2
    gpu.microjoules, cpu.microjoules = 200 * MJ, 20 * MJ
    sampler.sample()
    assert [(reading.joules, reading.watts) for reading in ledger.readings()] == [(200, 70), (20, 0)]


def test_counted_is_metered_through_a_wrap(powercap: Powercap, clock: Clock) -> None:
    """A processor's counter that goes round during a session leaves the session's joules whole."""
    powercap.zone("intel-rapl:0", "package-0", counter=RANGE - 50 * MJ)
    meters, _ = find_rapl(powercap.root)
    ledger = Ledger(clock)
    sampler = Sampler(meters, ledger)
    ledger.enter("a")
    for counter in (RANGE - 20 * MJ, 10 * MJ, 40 * MJ):
        with ledger.tick("s", ["a"]) as tick:
            clock.now += 1
            tick.images = 1
        powercap.show("intel-rapl:0", counter)
        sampler.sample()
    spent = ledger.leave("a")
    assert spent is not None
    assert (spent.joules, spent.estimated) == (90, 0)
    assert _joules(ledger) == {"package-0": 90}


def test_a_meter_is_lost(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A lost meter is logged once and left alone; the others go on; joules counted remain joules metered."""
    ledger, gpu, cpu = Ledger(clock), FakeMeter("gpu0"), FakeMeter("package-0", "rapl")
    sampler = Sampler([gpu, cpu], ledger)
    ledger.enter("a")
    with caplog.at_level(logging.WARNING):
        for second in range(1, 5):
            with ledger.tick("s", ["a"]):
                clock.now += 1
            gpu.microjoules, cpu.microjoules = second * 300 * MJ, second * 30 * MJ
            if second == 3:
                gpu.lose("GPU is lost")
            sampler.sample()
    [record] = caplog.records
    assert record.getMessage() == "energy: gpu0 (nvml) is not metered any more: GPU is lost"
    assert record.exc_info is None
    assert _joules(ledger) == {"package-0": 120}
    spent = ledger.leave("a")
    assert spent is not None
    assert spent.joules == pytest.approx(2 * 300 + 4 * 30)


def test_a_meter_that_breaks(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """A meter that raises what no meter should is lost likewise, with a traceback for whoever mends it."""
    ledger, gpu, cpu = Ledger(clock), FakeMeter("gpu0"), FakeMeter("package-0", "rapl")
    sampler = Sampler([gpu, cpu], ledger)
    gpu.failure = ZeroDivisionError("a bug")
    clock.now += 1
    with caplog.at_level(logging.WARNING):
        sampler.sample()
    assert list(_joules(ledger)) == ["package-0"]
    assert caplog.records[0].exc_info is not None


class _Announcing(FakeMeter):
    """Says when it was read so many times, and each moment."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.read_enough = threading.Event()
        self.moments: list[float] = []
        self._times = times

    def read(self) -> int:
        self.moments.append(time.perf_counter())
        if len(self.moments) >= self._times:
            self.read_enough.set()
        return super().read()


def test_the_thread() -> None:
    """Once started it reads again and again, on a thread of its own, until stopped; then the thread is gone."""
    meter = _Announcing(3)
    sampler = Sampler([meter], Ledger(), period=0.01)
    sampler.start()
    assert meter.read_enough.wait(10)
    assert "energy" in {thread.name for thread in threading.enumerate()}
    sampler.stop()
    assert "energy" not in {thread.name for thread in threading.enumerate()}


def test_no_window_is_shorter_than_its_period() -> None:
    """However long readings take, the pause between two is whole."""
    meter = _Announcing(4)
    sampler = Sampler([meter], Ledger(), period=0.05)
    sampler.start()
    assert meter.read_enough.wait(10)
    sampler.stop()
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(meter.moments))


def test_the_thread_ends_with_its_last_meter() -> None:
    """With nothing left to read there is nothing left to run."""
    meter = FakeMeter()
    meter.lose()
    ledger = Ledger()
    sampler = Sampler([meter], ledger, period=0.01)
    sampler.start()
    sampler._thread.join(10)
    assert not sampler._thread.is_alive()
    assert ledger.readings() == []


def test_no_meters() -> None:
    """Without meters no thread starts, and stopping is harmless."""
    sampler = Sampler([], Ledger())
    sampler.start()
    assert sampler._thread.ident is None
    sampler.stop()


def test_stopping_does_not_wait_out_the_period() -> None:
    """A long period does not hold up a shutdown."""
    sampler = Sampler([FakeMeter()], Ledger(), period=3600)
    sampler.start()
    sampler.stop()
    assert not sampler._thread.is_alive()
