"""The run: what is cheap and most wanted first, each result told at once, one failure harming no other."""

import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from server.energy.meter import Meter

from .bench import Bench
from .contestants import CONTESTANTS, Contestant
from .deadline import Deadline
from .flops import count_flops
from .measure import depths, measure
from .peak import CPU_SIDES, GPU_SIDES, matrix_peak
from .power import find_meter
from .scenes import RATE, moving_scene, still_scene, watch
from .shapes import Shape
from .targets import OURS

Record = dict[str, Any]

SCENES = "scenes"
_FIRST = (1, 8)
"""The batches that the targets are about."""
_OF_ITS_RATE = 0.9
"""How much of what an engine can do the cameras of a busy GPU ask for."""
_MOST_CAMERAS = 64
"""More than that the codec's threads do not feed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row, or two if its engine can have a tick ahead."""

    contestant: Contestant
    shape: Shape
    batch: int

    @property
    def what(self) -> str:
        return f"{self.contestant.name}, {self.shape.name}, batch {self.batch}"

    @property
    def kind(self) -> str:
        """Of work that takes about as long."""
        return f"{self.contestant.name} {self.shape.name}"


def plan(contestants: Sequence[Contestant], shapes: Sequence[Shape], batches: Sequence[int]) -> Iterator[Case | str]:
    """Everything in the order in which it is wanted: the first shape at the targets' batches, the scenes, the other
    shapes at those, and then the other batches from the largest down."""
    first, *rest = groups(batches)

    def cases(of: Sequence[Shape], at: Sequence[int]) -> Iterator[Case]:
        for shape in of:
            able = [each for each in contestants if shape.family in each.families]
            for last in (False, True):
                yield from (Case(each, shape, batch) for batch in at for each in able if each.last == last)

    yield from cases(shapes[:1], first)
    yield SCENES
    yield from cases(shapes[1:], first)
    for others in rest:
        yield from cases(shapes, others[::-1])


def groups(batches: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The batches that the targets are about, or the smallest one, and the others."""
    first = tuple(batch for batch in batches if batch in _FIRST) or tuple(batches[:1])
    others = tuple(batch for batch in batches if batch not in first)
    return (first, others) if others else (first,)


@dataclass(eq=False)
class Run:
    """`tell` is given each record as soon as there is one. `seconds` are those of each measured window."""

    bench: Bench
    deadline: Deadline
    seconds: float
    tell: Callable[[Record], None]
    tiny: bool = False
    meter: Meter | None = None
    peak: float | None = None
    flops: dict[str, int] = field(default_factory=dict)
    rows: list[Record] = field(default_factory=list)

    def all(self, shapes: Sequence[Shape], batches: Sequence[int], only: Sequence[str]) -> None:
        """Measure. `only` names contestants and SCENES; none is all."""
        self._machine()
        self._guarded("flops", "operations of an image", lambda: self._count(shapes))
        self._guarded("peak", "the matrix-product peak", self._peak)
        chosen = []
        for contestant in CONTESTANTS:
            if only and contestant.name not in only:
                continue
            why = contestant.lacking(self.bench)
            if why is None:
                chosen.append(contestant)
            elif contestant.name in only or contestant.name != "fake":
                self.tell({"kind": "absent", "what": contestant.name, "why": why})
        for work in plan(chosen, shapes, batches):
            if isinstance(work, Case):
                self._guarded(work.kind, work.what, lambda work=work: self._case(work))  # type: ignore[misc]
            elif not only or SCENES in only:
                self._scenes(chosen, shapes[0], batches)

    # parts -----------------------------------------------------------------------------------------------------------

    def _guarded(self, kind: str, what: str, work: Callable[[], None]) -> None:
        """Do it if there is time; whatever it raises is told, and the rest goes on."""
        if not self.deadline.has_room(kind):
            self.tell({"kind": "skipped", "what": what, "why": f"skipped: the deadline is near ({self.deadline.spent:.0f} s)"})
            return
        began = time.monotonic()
        try:
            work()
        except Exception as error:
            self.tell({"kind": "error", "what": what, "error": f"{type(error).__name__}: {_short(error)}"})
        finally:
            self.deadline.took(kind, time.monotonic() - began)
            self.bench.tidy()

    def _machine(self) -> None:
        on_gpu = self.bench.device == "cuda"
        self.meter, why = find_meter(self.bench.device)
        self.tell({
            "kind": "machine",
            "device": torch.cuda.get_device_name() if on_gpu else f"{platform.machine()}, {os.cpu_count()} cores, no GPU",
            "memory GiB": round(torch.cuda.get_device_properties(0).total_memory / 2**30, 1) if on_gpu else None,
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "cuda": torch.version.cuda,
            "energy": why or "NVML's counter",
            "seconds": self.seconds,
            "tiny": self.tiny,
        })  # fmt: skip

    def _count(self, shapes: Sequence[Shape]) -> None:
        for shape in shapes:
            graphs = count_flops(shape)
            self.flops[shape.name] = sum(graphs.values())
            self.tell({"kind": "flops", "networks": shape.name, "graphs": graphs})

    def _peak(self) -> None:
        sides = GPU_SIDES if self.bench.device == "cuda" else CPU_SIDES
        by_side = matrix_peak(self.bench.device, self.bench.dtype, sides, min(1.0, self.seconds))
        self.peak = max(by_side.values())
        precision = str(self.bench.dtype).removeprefix("torch.")
        self.tell({"kind": "peak", "precision": precision, "tflops": by_side, "peak": self.peak})

    def _case(self, case: Case) -> None:
        shape, began = case.shape, time.monotonic()
        painter = case.contestant.open(self.bench, shape, (case.batch,))
        opened = time.monotonic() - began
        try:
            for way in depths(painter):
                flops = self.flops.get(shape.name) if case.contestant.computes else None
                row = measure(way, shape, case.batch, self.seconds, flops, self.peak, self.meter)
                whose = {"engine": case.contestant.name, "family": shape.family, "pixels": shape.pixels}
                self.rows.append({"kind": "row", **whose, **row, "opened_s": round(opened, 2)})
                self.tell(self.rows[-1])
        finally:
            painter.close()

    def _scenes(self, chosen: Sequence[Contestant], shape: Shape, batches: Sequence[int]) -> None:
        """In front of the quickest of our engines, or of the only one that there is."""
        ours = [contestant for contestant in chosen if contestant.name in OURS] or list(chosen[:1])
        if not ours:
            return
        rates = {contestant.name: self._rate(contestant.name, shape) for contestant in ours}
        best = max(ours, key=lambda contestant: rates[contestant.name])
        self._guarded(SCENES, SCENES, lambda: self._watched(best, shape, batches, rates[best.name]))

    def _rate(self, name: str, shape: Shape) -> float:
        """Images per second of the quickest row so far."""
        rows = [row for row in self.rows if row["engine"] == name and row["family"] == shape.family]
        return max((row["images_per_s"] for row in rows if row["pixels"] == shape.pixels), default=0.0)

    def _watched(self, contestant: Contestant, shape: Shape, batches: Sequence[int], rate: float) -> None:
        most = max((batch for batch in batches if batch <= max(_FIRST)), default=1)
        painter = contestant.open(self.bench, shape, tuple(sorted({1, most})))
        seconds = max(1.0, 3 * self.seconds)
        try:
            for cameras in {1: None, busy_cameras(rate, most): None}:
                for name, make in (("still", still_scene), ("moving", moving_scene)):
                    scene = make(shape.pixels)
                    for filtered in (False, True):
                        seen = watch(painter, scene, shape.pixels, cameras, seconds, filtered, self.meter)
                        per_frame = None if seen.watts is None else seen.watts * seen.seconds / seen.frames
                        self.tell({
                            "kind": "scene", "engine": contestant.name, "scene": name, "cameras": cameras, "rate": RATE,
                            "filtered": filtered, "frames": seen.frames, "painted": seen.painted, "skipped": seen.skipped,
                            "seconds": seen.seconds, "busy": seen.busy, "late": seen.late, "watts": seen.watts,
                            "joules_per_frame": per_frame,
                        })  # fmt: skip
        finally:
            painter.close()


def busy_cameras(rate: float, batch: int) -> int:
    """How many cameras nearly fill an engine of so many images a second: whole ticks of them where there are as many."""
    cameras = min(_MOST_CAMERAS, int(_OF_ITS_RATE * rate / RATE))
    return max(1, cameras // batch * batch or cameras)


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else ""


def last_rows(records: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The records, of several rows of the same only the last: a file may hold more than one run."""
    kept: dict[object, Mapping[str, Any]] = {}
    for at, record in enumerate(records):
        key: object = at
        if record["kind"] == "row":
            key = tuple(record[name] for name in ("engine", "family", "pixels", "batch", "under_way"))
        elif record["kind"] == "scene":
            key = tuple(record[name] for name in ("engine", "scene", "cameras", "filtered"))
        kept[key] = record
    return list(kept.values())
