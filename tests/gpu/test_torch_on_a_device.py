"""Torch's engine itself: the student that ships, compiled and captured on the device, and compared with the CPU."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.engine import Row
from engines.errors import EngineError
from engines.gpu.cuda import OutOfDeviceMemory
from engines.gpu.engine import GpuEngine
from engines.options import TorchOptions
from engines.student import Student
from tests.engines.gpu.suite import Easel, Half, every_engines_tests, image, overlapped
from tests.gpu.device import open_driver

pytest.importorskip("torch")

globals().update(every_engines_tests())

SIZES = (1, 2, 4)
Open = Callable[..., GpuEngine]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def open_torch(student: Student, cache: Path) -> Open:
    """`open_torch(sizes, **options)`: an engine on the first GPU; the test is skipped with its own words if there is none."""
    driver = open_driver()
    is_stub = driver.name == "stub"
    driver.close()
    if is_stub:
        pytest.skip("a stub of a driver runs no torch")
    from engines.pytorch.opening import open_engine

    def open_(sizes: tuple[int, ...] = SIZES, **options: Any) -> GpuEngine:
        return open_engine(student, sizes, cache, options=TorchOptions(**options), say=print)

    try:
        open_((1,), compile=False).close()
    except EngineError as error:
        if "made for machines without a GPU" not in str(error):
            raise
        pytest.skip(str(error))
    return open_


@pytest.fixture(scope="module")
def engine(open_torch: Open) -> Iterator[GpuEngine]:
    made = open_torch()
    yield made
    made.close()


@pytest.fixture
def easel(engine: GpuEngine) -> Easel:
    return Half("torch", engine)


def rows_of(engine: GpuEngine, picture: Any, seed: int, count: int = 2) -> list[Row]:
    """A repainting, a still, and so on."""
    contract, prompt = engine.student.contract, engine.condition("a red heart, neon")
    return [
        Row(100 * seed + at, 0, (contract.still() if at % 2 else contract.repaint(0.6))[0], True, prompt, seed,
            None if at % 2 else picture(seed))
        for at in range(count)
    ]  # fmt: skip


@pytest.mark.short
@pytest.mark.parametrize("way", [0, 1])
def test_each_way_to_capture(open_torch: Open, picture: Any, way: int) -> None:
    """By the driver in a pool of torch's and by torch itself: every kind of tick is a graph, and its memory stays its own."""
    import torch

    engine = open_torch((1, 2), compile=False)
    rows = rows_of(engine, picture, 4)
    expected = [image(one) for one in engine.tick(rows)]  # call by call
    captures = engine._graphs._captures
    captures[:] = [captures[way]]
    engine.warm_up()
    assert engine.captured == (2 + 3, 2 + 3)
    for _ in range(5):
        held = [torch.full((1 << 20,), float("nan"), device="cuda") for _ in range(8)]
        for got, true in zip(engine.tick(rows), expected, strict=True):
            assert float(np.abs(image(got).astype(int) - true.astype(int)).mean()) < 0.1
        del held
    engine.close()


@pytest.mark.short
@pytest.mark.parametrize("compiled", [False, True])
def test_a_captured_tick_is_right(open_torch: Open, student: Student, picture: Any, compiled: bool) -> None:
    """Warm, every kind of tick is one graph that is waited for once, near the reference: run by run, and compiled."""
    from engines.pytorch.reference import TorchEngine

    engine, reference = open_torch((1,), compile=compiled), TorchEngine(student, (1,))
    engine.warm_up()
    assert engine.captured == (2, 2)
    for row in rows_of(engine, picture, 5):
        before = engine.synchronisations
        (got,), (true,) = engine.tick([row]), reference.tick([row])
        assert engine.synchronisations == before + 1
        assert float(np.abs(image(got).astype(int) - image(true).astype(int)).mean()) < 1.5
    engine.close()


@pytest.mark.parametrize(
    ("options", "average"),
    [
        ({"precision": "fp32", "compile": False}, 0.1),
        ({"precision": "fp32"}, 0.1),
        ({"compile": False}, 1.5),
        ({}, 1.5),
        ({"precision": "bf16"}, 3.0),
        ({"fp8": True}, 3.0),
    ],
)
def test_the_pixels_of_the_reference(
    open_torch: Open, student: Student, picture: Any, options: dict[str, Any], average: float
) -> None:
    """On the average pixel every way of computing is near the reference in float32 on the processor."""
    from engines.pytorch.reference import TorchEngine

    try:
        engine = open_torch((2,), **options)
    except EngineError as error:
        if "has no" not in str(error):
            raise
        pytest.skip(str(error))
    reference = TorchEngine(student, (2,))
    rows = rows_of(engine, picture, 5)
    wanted = reference.tick(rows)
    for _ in range(3):  # compiled, captured, and launched
        for got, true in zip(engine.tick(rows), wanted, strict=True):
            off = np.abs(image(got).astype(int) - image(true).astype(int))
            print(options, f"{off.mean():.3f} levels on the average pixel, {off.max()} at most")
            assert float(off.mean()) < average
    engine.close()


def test_every_tick_is_a_graph(engine: GpuEngine) -> None:
    """Torch's networks can be captured: no kind of tick runs call by call, and the host waits once for each."""
    engine.warm_up()
    captured, kinds = engine.captured
    assert captured == kinds == 2 + 3 + 4
    before = engine.synchronisations
    step = engine.student.contract.still()[0]
    engine.tick([Row(1, 0, step, True, np.zeros(engine.student.text_shape, np.float32), 1)])
    assert engine.synchronisations == before + 1


def test_captured_ticks_keep_their_memory(engine: GpuEngine, picture: Any) -> None:
    """Prompts, and whatever else torch allocates, never lie where a captured tick works."""
    import torch

    engine.warm_up()
    rows = rows_of(engine, picture, 3, 4)
    expected = [image(one) for one in engine.tick(rows)]
    for turn in range(20):
        held = [torch.full((1 << 20,), float("nan"), device="cuda") for _ in range(8)]
        engine.condition(f"prompt {turn}")
        for got, true in zip(engine.tick(rows), expected, strict=True):
            np.testing.assert_array_equal(image(got), true)
        del held


def test_overlapped_pixels(engine: GpuEngine, picture: Any) -> None:
    """Ticks that overlap paint the very same as ticks that do not."""
    engine.warm_up()
    work = [rows_of(engine, picture, seed, 1 + seed % 4) for seed in range(1, 25)]
    expected = [engine.tick(rows) for rows in work]
    got = overlapped(engine, work)
    for a, b in zip(expected, got, strict=True):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(image(one), image(other))


def test_a_second_start_compiles_nothing(open_torch: Open) -> None:
    """What was compiled is found again in the cache."""
    import torch
    from torch._dynamo.utils import counters

    for start in range(2):
        torch.compiler.reset()
        counters.clear()
        engine = open_torch((1,))
        engine.warm_up()
        engine.close()
        if start:
            assert counters["inductor"]["fxgraph_cache_miss"] == 0
            assert counters["inductor"]["fxgraph_cache_hit"] == 3


@pytest.mark.exhausting
def test_out_of_memory_fails_a_tick_and_no_more(open_torch: Open, picture: Any) -> None:
    """A first tick that finds no memory says so; when there is some again, the same tick is painted."""
    engine = open_torch((1, 4), compile=False)
    engine.tick(rows_of(engine, picture, 1, 1))  # so that libraries have what they want for themselves
    hog, size = open_driver(), 1 << 34
    while size > 1 << 16:
        try:
            hog.allocate(size)
        except OutOfDeviceMemory:
            size //= 2
    rows = rows_of(engine, picture, 2, 4)
    with pytest.raises(EngineError, match=r"(?i)memory|alloc"):
        engine.tick(rows)
    hog.close()
    assert all(one.image is not None for one in engine.tick(rows))
    engine.close()


def test_a_closed_engine_leaves_the_device_free(open_torch: Open) -> None:
    """Engines that come and go leave no memory behind, weights and captured memory included."""
    driver = open_driver()
    free = []
    for _ in range(3):
        engine = open_torch((1, 2), compile=False)
        engine.warm_up()
        engine.close()
        free.append(driver.memory()[0])
    driver.close()
    assert free[2] >= free[1] - (4 << 20)
    assert free[1] >= free[0] - (16 << 20)
