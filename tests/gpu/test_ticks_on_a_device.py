"""Ticks of the runtime on a device, with a stand-in for TensorRT: the pixels, the waits, and that copies lie beside graphs."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from engines.engine import Painted, Row
from engines.errors import EngineError
from engines.gpu.cuda import OutOfDeviceMemory
from engines.gpu.engine import GpuEngine
from tests.engines.gpu.studio import Studio
from tests.engines.gpu.suite import image, overlapped
from tests.engines.gpu.toy import tokens_of
from tests.gpu.device import open_driver
from tests.gpu.standin import StandIns


@pytest.fixture
def studio() -> Iterator[Studio]:
    """The same student on a double of a device, which says what is to be painted."""
    made = Studio()
    yield made
    made.engine.close()


@pytest.fixture
def engine(studio: Studio) -> Iterator[GpuEngine]:
    driver = open_driver()
    made = GpuEngine(studio.student, studio.sizes, StandIns(driver, studio.student), driver, tokens_of(studio.student))
    yield made
    made.close()


def ticks(studio: Studio, count: int) -> list[list[Row]]:
    """Ticks of all sizes and kinds, of one step and of two."""
    made: list[list[Row]] = []
    carried: list[Row] = []
    for tick in range(count):
        rows, carried = carried, []
        for at in range(1 + tick % 3):
            seed = 7 * tick + at
            if seed % 3 == 0:
                first, second = studio.still(seed, steps=2)
                rows, carried = [*rows, first], [*carried, second]
            else:
                rows = [*rows, studio.repaint(seed, picture=seed) if seed % 3 == 1 else studio.still(seed)[0]]
        made.append(rows[:4])
        carried = [row for row in carried if row.index] if len(rows) <= 4 else []
    return made


def alike(a: list[Painted], b: list[Painted]) -> None:
    """The same answers; pixels within one level, since sines differ in their last digit."""
    for one, other in zip(a, b, strict=True):
        assert (one.error, one.image is None) == (other.error, other.image is None)
        if one.image is not None:
            assert int(np.abs(image(one).astype(int) - image(other).astype(int)).max()) <= 1


@pytest.mark.short
def test_pixels(studio: Studio, engine: GpuEngine) -> None:
    """The device paints what the double paints, for every kind of tick."""
    for rows in ticks(studio, 12):
        alike(engine.tick(rows), studio.engine.tick(rows))


@pytest.mark.short
def test_overlapped_pixels(studio: Studio, engine: GpuEngine) -> None:
    """Ticks that overlap paint the very same as ticks that do not."""
    work = ticks(studio, 40)
    expected = [engine.tick(rows) for rows in work]
    got = overlapped(engine, work)
    for a, b in zip(expected, got, strict=True):
        for one, other in zip(a, b, strict=True):
            assert one.error == other.error
            np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.short
def test_one_wait_for_a_tick(studio: Studio, engine: GpuEngine) -> None:
    """The host waits for the device once in a tick, and every tick of a warm engine is one graph."""
    engine.warm_up()
    assert engine.captured == (2 + 3 + 4, 2 + 3 + 4)
    before = engine.synchronisations
    for _ in range(5):
        engine.tick([studio.repaint(), studio.still()[0]])
    assert engine.synchronisations == before + 5
    assert engine.captured == (2 + 3 + 4, 2 + 3 + 4)


def test_a_tick_too_many_for_the_memory(studio: Studio) -> None:
    """An engine that does not fit is refused before it takes anything, and one that does can be made afterwards."""
    driver = open_driver()
    free = driver.memory()[0]
    rows = 4 * free // (64 * 64 * 3)
    with pytest.raises(OutOfDeviceMemory, match=f"smaller ticks than {rows}"):
        GpuEngine(studio.student, (rows,), StandIns(driver, studio.student), driver, tokens_of(studio.student))
    assert driver.memory()[0] > 0.9 * free
    driver.close()
    test_pixels(studio, made := _engine(studio, 0))
    made.close()


def test_the_hosts_work_lies_beside_the_devices(studio: Studio) -> None:
    """Ticks that overlap take less time than the same ticks one after another, by more than a tenth of the host's share."""
    engine = _engine(studio, 20_000)
    if engine.device == "stub":
        engine.close()
        pytest.skip("the stub of a driver does everything at once")
    engine.warm_up()
    rows, count = [studio.repaint(seed=seed) for seed in range(4)], 200
    began = time.perf_counter()
    for _ in range(count):
        engine.tick(rows)
    one_by_one = time.perf_counter() - began
    began = time.perf_counter()
    under_way = engine.begin(rows)
    host = 0.0
    for _ in range(count - 1):
        start = time.perf_counter()
        following = engine.begin(rows)
        host += time.perf_counter() - start
        engine.finish(under_way)
        under_way = following
    engine.finish(under_way)
    together = time.perf_counter() - began
    engine.close()
    print(f"{1e3 * one_by_one / count:.3f} ms a tick one by one, {1e3 * together / count:.3f} ms together")
    assert together < one_by_one - 0.1 * host


def test_a_closed_engine_leaves_the_device_free(studio: Studio) -> None:
    """An engine that was closed gives its memory back."""
    driver = open_driver()
    before = driver.memory()[0]
    _engine(studio, 0).close()
    assert driver.memory()[0] >= before - (16 << 20)
    driver.close()


def test_a_tick_beyond_the_sizes(studio: Studio, engine: GpuEngine) -> None:
    """More rows than the largest tick are refused before the device is asked for anything."""
    before = engine.synchronisations
    with pytest.raises(EngineError, match="5 rows"):
        engine.tick([studio.still()[0]] * 5)
    assert engine.synchronisations == before


def _engine(studio: Studio, turns: int) -> GpuEngine:
    driver = open_driver()
    networks = StandIns(driver, studio.student, turns)
    return GpuEngine(studio.student, studio.sizes, networks, driver, tokens_of(studio.student))
