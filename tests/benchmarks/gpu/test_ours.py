"""Our engines as painters: the rows they are given, the depth they are driven at, and the waits that they count."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.networks import Parts
from benchmarks.gpu.ours import EnginePainter, open_fake, open_reference, open_tensorrt, typed, without_graphs
from benchmarks.gpu.painter import paint
from benchmarks.gpu.shapes import Shape
from benchmarks.gpu.timing import time_ticks
from engines.engine import Pixels, Row
from engines.errors import EngineError
from engines.fake_device import FakeDevice
from engines.gpu.engine import GpuEngine
from engines.tokens import Tokens
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.stub import find_nvrtc, stub_driver

PartsOf = Callable[[Shape], Parts]
ROOT = Path(__file__).parents[3]


def test_rows_of_streams(sd15: Shape, pictures: Callable[[int], list[Pixels]]) -> None:
    """Each picture of a tick is a stream of its own, which keeps its seed; each tick has jobs of its own."""
    rows: list[Row] = []

    class Noted(FakeDevice):
        def begin(self, given: Any) -> Any:
            rows.extend(given)
            return super().begin(given)

    painter = EnginePainter(Noted(sd15.student, (2,)))
    rows.clear()
    for _ in range(2):
        paint(painter, pictures(2))
    assert [row.seed for row in rows] == [0, 1, 0, 1]
    assert len({row.job for row in rows}) == 4
    assert all(row.last and row.index == 0 and row.image is not None for row in rows)
    assert {row.step for row in rows} == set(sd15.student.contract.repaint(0.5))


def test_two_ways(sd15: Shape, pictures: Callable[[int], list[Pixels]]) -> None:
    """An engine that can have two ticks under way has them, and is waited for after each where that is asked."""
    painter = EnginePainter(FakeDevice(sd15.student, (1,), tick_seconds=0.01, host_seconds=0.01))
    assert (painter.depth, painter.one_at_a_time().depth) == (2, 1)
    ahead = time_ticks(painter, [pictures(1)], 0.3)
    alone = time_ticks(painter.one_at_a_time(), [pictures(1)], 0.3)
    assert ahead.rate > 1.3 * alone.rate


def test_the_reference_is_waited_for(sd15: Shape, parts: PartsOf, tmp_path: Path) -> None:
    """An engine without `begin` and `finish` has one tick at a time."""
    painter = EnginePainter(open_reference(sd15, parts(sd15), (1,), tmp_path))
    assert painter.depth == 1
    assert painter.waits(lambda: None) is None


def test_an_error_is_raised(sd15: Shape, pictures: Callable[[int], list[Pixels]]) -> None:
    """A row that gives an error and no image ends the measurement of that engine."""
    painter = EnginePainter(open_fake(sd15, (1,)))
    painter._conditioning = painter._engine.condition("fake:error")
    with pytest.raises(EngineError, match="asked to fail this image"):
        paint(painter, pictures(1))


def test_an_engine_that_does_not_warm_up_is_closed(sd15: Shape) -> None:
    """What failed on the way leaves nothing open."""
    closed: list[bool] = []

    class Cold(FakeDevice):
        def warm_up(self) -> dict[int, float]:
            raise EngineError("cold")

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(EngineError, match="cold"):
        EnginePainter(Cold(sd15.student, (1,)))
    assert closed == [True]


@pytest.mark.parametrize("name", ["sd15-64", "sdxl-64"])
def test_torch_on_a_double(
    name: str, shapes: dict[str, Shape], parts: PartsOf, pictures: Callable[[int], list[Pixels]], tmp_path: Path
) -> None:
    """The graphs that the GPU's torch engine is given are these networks: it paints what the reference paints, with two
    ticks under way, and waits once in each."""
    from tests.engines.pytorch import onhost

    shape = shapes[name]
    student, double = without_graphs(shape, tmp_path), CudaDouble()
    assert student.graphs is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onhost, "typed_graphs", lambda _, options: typed(shape, parts(shape), options, tmp_path))
        networks = onhost.DeferredNetworks(double, student, onhost.TorchOptions(compile=False))
    painter = EnginePainter(GpuEngine(student, (1, 2), networks, double, Tokens(student)))
    reference = EnginePainter(open_reference(shape, parts(shape), (1, 2), tmp_path))
    given = pictures(2)
    for ours, theirs in zip(paint(painter, given), paint(reference, given), strict=True):
        assert float(np.abs(ours.astype(int) - theirs.astype(int)).mean()) < 1.5
    assert painter.graphs is not None
    assert painter.graphs[0] == painter.graphs[1] > 0
    assert painter.waits(lambda: [paint(painter, given[:1]) for _ in range(3)] and None) == 3
    timing = time_ticks(painter, [given], 0.05)
    assert (painter.depth, painter.precision, timing.images) == (2, "fp16", 2 * len(timing.latencies))
    painter.close()


def test_what_is_traced_leaves_the_device(sd15: Shape, tmp_path: Path) -> None:
    """Graphs are traced of copies on the processor, and the networks that they are copies of are let go."""
    bench = Bench("cpu", tmp_path)
    weight = next(bench.parts(sd15).unet.parameters())
    made = bench.parts_on_cpu(sd15)
    assert bench._parts == {}
    copy = next(made.unet.parameters())
    assert copy is not weight
    torch.testing.assert_close(copy, weight)


def test_tensorrt_is_given_graphs(sd15: Shape, parts: PartsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT builds of the four graphs of the same networks, which are exported once."""
    from engines.onnx_files import read_weights
    from engines.tensorrt import opening

    opened: list[Any] = []

    def noting(student: Any, sizes: Any, cache: Path, **options: Any) -> FakeDevice:
        opened.append((student, sizes, cache))
        return FakeDevice(student, sizes)

    monkeypatch.setattr(opening, "open_engine", noting)
    said: list[str] = []
    for _ in range(2):
        open_tensorrt(sd15, parts(sd15), (1, 8), tmp_path, said.append)
    (student, sizes, cache), _ = opened
    assert (sizes, cache, said) == ((1, 8), tmp_path / "cache", ["exporting sd15-64"])
    assert {path.stem for path in student.graphs.glob("*.onnx")} == {"text", "encode", "denoise", "decode"}
    assert Tokens(student).encode("a red boat")["ids"].tolist()[:4] == [3, 4, 5, 1]
    weight = read_weights(student.graphs / "denoise.onnx")["unet.conv_in.weight"]
    torch.testing.assert_close(weight, parts(sd15).unet.conv_in.weight, atol=1e-3, rtol=1e-3)  # type: ignore[union-attr]


_STAND_IN = """
import json, sys
from pathlib import Path
from benchmarks.gpu.ours import EnginePainter, open_stand_in
from benchmarks.gpu.shapes import tiny_shapes
from benchmarks.gpu.timing import make_pictures, settle, time_ticks, time_with_jpeg, to_jpeg
shape, folder = tiny_shapes()[1], Path(sys.argv[1])
painter, given = EnginePainter(open_stand_in(shape, (1, 4), folder)), make_pictures(64, 4)
settle(painter, given)
alone, jpeg = time_ticks(painter, [given], 0.1), time_with_jpeg(painter, [to_jpeg(given)], 64, 0.1)
waits = painter.waits(lambda: [painter.finish(painter.begin(given)) for _ in range(5)] and None)
painter.close()
print(json.dumps([painter.device, painter.depth, waits, alone.images > 8, jpeg.images > 8]))
"""


def test_the_stand_in_on_a_stub_of_the_driver(tmp_path: Path) -> None:
    """The runtime with a stand-in for its networks is measured by the calls that a device gets; it waits once in a tick."""
    find_nvrtc()
    environment = stub_driver(tmp_path)
    command = [sys.executable, "-c", _STAND_IN, str(tmp_path / "tokens")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.strip() == '["stub", 2, 5, true, true]'


def test_all_of_a_shape_have_the_same_weights(sd15: Shape, tmp_path: Path) -> None:
    """Another type is a copy of the same numbers; another shape's networks take the place of these."""
    bench = Bench("cpu", tmp_path)
    full, half = bench.parts(sd15), bench.parts(sd15, torch.bfloat16)
    weight, halved = (next(made.unet.parameters()) for made in (full, half))
    torch.testing.assert_close(weight.to(torch.bfloat16), halved)
    assert bench.parts(sd15) is full
    assert next(half.modules.denoise.parameters()).dtype == torch.bfloat16
    bench.parts(replace(sd15))
    assert bench.parts(sd15) is not full
