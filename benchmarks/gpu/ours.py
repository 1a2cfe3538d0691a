"""Our engines as painters: rows of the student's contract, each of a stream of its own, which keeps its seed."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from engines.engine import Engine, Painted, Pipelined, Pixels, Row
from engines.errors import EngineError
from engines.fake_device import FakeDevice
from engines.options import TorchOptions
from engines.say import Say
from engines.student import Student

from .networks import Parts, write_graphs, write_surroundings
from .shapes import Shape

PROMPT = "a red boat on a quiet sea"
_AHEAD = 2
"""Ticks that an engine with `begin` and `finish` may have under way."""


class EnginePainter:
    """Takes an engine over, and warms it up. Where the engine can, a second tick is begun before the first is finished."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pipeline = engine if isinstance(engine, Pipelined) else None
        self.depth = _AHEAD if self._pipeline else 1
        self.sizes, self.precision, self.device = engine.batch_sizes, engine.precision, engine.device
        self._step = engine.student.contract.repaint(engine.student.strength)[0]
        self._job = 0
        try:
            engine.warm_up()
            self._conditioning = engine.condition(PROMPT)
        except BaseException:
            self.close()
            raise

    @property
    def graphs(self) -> tuple[int, int] | None:
        captured: tuple[int, int] | None = getattr(self._engine, "captured", None)
        return captured

    def one_at_a_time(self) -> Self:
        """The same engine, which is waited for after each tick."""
        other = copy.copy(self)
        other.depth = 1
        return other

    def begin(self, pictures: Sequence[Pixels]) -> Any:
        rows = [self._row(seed, picture) for seed, picture in enumerate(pictures)]
        if self._pipeline is None or self.depth == 1:
            return self._engine.tick(rows)
        return self._pipeline.begin(rows)

    def finish(self, ticket: Any) -> list[Pixels]:
        painted = ticket if self._pipeline is None or self.depth == 1 else self._pipeline.finish(ticket)
        return [_image(one) for one in painted]

    def waits(self, run: Callable[[], None]) -> int | None:
        before = getattr(self._engine, "synchronisations", None)
        run()
        return None if before is None else int(self._engine.synchronisations - before)  # type: ignore[attr-defined]

    def close(self) -> None:
        self._engine.close()

    def _row(self, seed: int, picture: Pixels) -> Row:
        self._job += 1
        return Row(self._job, 0, self._step, True, self._conditioning, seed, picture)


def _image(painted: Painted) -> Pixels:
    if painted.image is None:
        raise EngineError(painted.error or "the engine gave neither an image nor an error")
    return painted.image


def without_graphs(shape: Shape, folder: Path) -> Student:
    """The student with what lies beside its graphs, and no graphs: for engines that are given modules."""
    write_surroundings(shape, folder)
    return replace(shape.student, graphs=folder)


def open_reference(shape: Shape, parts: Parts, sizes: tuple[int, ...], folder: Path) -> Engine:
    """The torch engine where there is no GPU: the reference, in float32."""
    from engines.pytorch.reference import TorchEngine

    return TorchEngine(without_graphs(shape, folder), sizes, "cpu", parts.modules)


def typed(shape: Shape, parts: Parts, options: TorchOptions, folder: Path) -> dict[str, Any]:
    """The graphs as torch's networks on a GPU are made of them. Seconds for a small network, half a minute for SDXL's."""
    from engines.pytorch.networks import typed_graphs

    return dict(typed_graphs(without_graphs(shape, folder), options, parts.modules))


def open_torch(
    shape: Shape, graphs: Mapping[str, Any], options: TorchOptions, sizes: tuple[int, ...], folder: Path, say: Say
) -> Engine:
    """As `engines.pytorch.opening` does, of graphs that it takes over. Compiles when it is warmed up."""
    from engines.gpu.driver import Driver
    from engines.gpu.engine import GpuEngine
    from engines.pytorch.networks import TorchNetworks
    from engines.pytorch.opening import CHOICES, FOLDER, check_able, keep_compiled
    from engines.pytorch.place import CudaPlace
    from engines.tokens import Tokens

    student = without_graphs(shape, folder)
    assert student.graphs is not None
    if options.compile:
        keep_compiled(folder / FOLDER)
    cuda = Driver()
    try:
        check_able(cuda, options, {graph.precision for graph in graphs.values()})
        networks = TorchNetworks(graphs, CudaPlace(cuda, 0), options, say, choices=folder / CHOICES)
        return GpuEngine(student, sizes, networks, cuda, Tokens(student))
    except BaseException:
        cuda.close()
        raise


def open_tensorrt(shape: Shape, parts: Parts, sizes: tuple[int, ...], folder: Path, say: Say) -> Engine:
    """The graphs are exported and built here and now, for all sizes at once, and found again in `folder` the next time."""
    from engines.tensorrt.opening import open_engine

    graphs = folder / f"{shape.name}-graphs"
    if not (graphs / "decode.onnx").exists():
        say(f"exporting {shape.name}")
        write_graphs(parts, shape, graphs)
    return open_engine(replace(shape.student, graphs=graphs), sizes, folder / "cache", say=say)


def open_stand_in(shape: Shape, sizes: tuple[int, ...], folder: Path) -> Engine:
    """The GPU runtime with networks of a few kernels in the student's shapes: the runtime's own time, and nothing else's."""
    from engines.gpu.driver import Driver
    from engines.gpu.engine import GpuEngine
    from engines.tokens import Tokens
    from tests.gpu.standin import StandIns

    # its text network is of a family that has one encoder, and so a token for each row of the conditioning
    student = replace(shape.student, architecture="sd15", graphs=folder)
    write_surroundings(shape, folder, encoders=1, tokens=student.text_shape[0])
    cuda = Driver()
    try:
        return GpuEngine(student, sizes, StandIns(cuda, student), cuda, Tokens(student))
    except BaseException:
        cuda.close()
        raise


def open_fake(shape: Shape, sizes: tuple[int, ...]) -> Engine:
    """A device in time only, for machines without a GPU: ticks overlap as a GPU's do."""
    return FakeDevice(shape.student, sizes, tick_seconds=0.002, row_seconds=0.0005, host_seconds=0.0005)
