"""One turn: a contestant's rows and perhaps the scenes, each told at once, one failure harming no other."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.energy.meter import Meter

from .bench import Bench
from .contestants import Contestant
from .deadline import Deadline
from .flops import flops_of
from .measure import depths, measure
from .painter import Painter
from .profile import profile, table
from .scenes import RATE, moving_scene, still_scene, watch
from .shapes import Shape

Record = Mapping[str, Any]

_OF_ITS_RATE = 0.9
"""How much of what an engine can do the cameras of a busy GPU ask for."""
_MOST_CAMERAS = 64
"""More than that the codec's threads do not feed."""
_AMONG_SMALL = 0.05
"""Of the time that a full size takes to open, what a small one is taken to."""
SCENE_TIMES = 3
"""A scene is watched for as many windows."""


def expected(contestant: Contestant, seconds: float, tiny: bool) -> dict[str, float]:
    """Seconds that each kind of work in a turn is taken to last until it is known; see `Deadline`."""
    opening = contestant.opening * (_AMONG_SMALL if tiny else 1.0)
    return {"open": opening, "row": 2 * seconds + (0.1 if tiny else 1.0), "scene": max(1.0, SCENE_TIMES * seconds)}


@dataclass(frozen=True, slots=True)
class _Opened:
    """A painter at work, and what its rows are made of."""

    contestant: Contestant
    shape: Shape
    painter: Painter
    flops: int | None
    seconds: float
    rates: list[float]


@dataclass(eq=False)
class Run:
    """`tell` is given each record as soon as there is one, `told` are those that there are already. `seconds` are those of
    each measured window. `profile` is a file for where a tick's time goes, after the rows and scenes of the first shape.
    """

    bench: Bench
    deadline: Deadline
    seconds: float
    tell: Callable[[Record], None]
    told: Sequence[Record] = ()
    meter: Meter | None = None
    profile: Path | None = None
    _counted: set[str] = field(default_factory=set)

    def turn(self, contestant: Contestant, shapes: Sequence[Shape], batches: Sequence[int], scenes: bool) -> None:
        """Measure. What raises is told in a line."""
        groups = [(batch,) for batch in batches] if contestant.each else [tuple(batches)]
        for shape in shapes:
            for group in groups:
                watched = scenes and shape is shapes[0] and group is groups[-1]
                what = f"{contestant.name}, {shape.name}, batch {', '.join(map(str, group))}"
                self._guarded("open", what, self._group, contestant, shape, group, watched)

    # parts -----------------------------------------------------------------------------------------------------------

    def _guarded(self, kind: str, what: str, work: Callable[..., None], *arguments: Any) -> None:
        """Do it if there is time; whatever it raises is told, and the rest goes on."""
        if not self.deadline.has_room(kind):
            self.tell({"kind": "skipped", "what": what, "why": f"skipped: the deadline is near ({self.deadline.spent:.0f} s)"})
            return
        began = time.monotonic()
        try:
            work(*arguments)
        except Exception as error:
            self.tell({"kind": "error", "what": what, "error": f"{type(error).__name__}: {_short(error)}"})
        finally:
            if kind != "open":  # which has the rows in it
                self.deadline.took(kind, time.monotonic() - began)
            self.bench.tidy()

    def _group(self, contestant: Contestant, shape: Shape, batches: tuple[int, ...], scenes: bool) -> None:
        flops = self._flops(shape) if contestant.computes else None
        began = time.monotonic()
        painter = contestant.open(self.bench, shape, tuple(sorted(batches)))
        took = time.monotonic() - began
        self.deadline.took("open", took)
        opened = _Opened(contestant, shape, painter, flops, took, [])
        try:
            for batch in batches:
                for way in depths(painter):
                    what = f"{contestant.name}, {shape.name}, batch {batch}, {way.depth - 1} ahead"
                    self._guarded("row", what, self._row, opened, way, batch)
            if scenes:
                self._scenes(opened)
                if self.profile is not None:
                    self._guarded("profile", f"a profile of {contestant.name}", self._profile, opened, self.profile)
        finally:
            painter.close()

    def _row(self, opened: _Opened, way: Painter, batch: int) -> None:
        shape, peak = opened.shape, next((one["peak"] for one in reversed(self.told) if one["kind"] == "peak"), None)
        row = measure(way, shape, batch, self.seconds, opened.flops, peak, self.meter)
        whose = {"engine": opened.contestant.name, "family": shape.family, "pixels": shape.pixels}
        self.tell({"kind": "row", **whose, **row, "opened_s": round(opened.seconds, 2)})
        opened.rates.append(float(row["images_per_s"]))

    def _profile(self, opened: _Opened, file: Path) -> None:
        batch = opened.painter.sizes[-1]
        whose = f"{opened.contestant.name}, {opened.shape.name}, a tick of {batch}"
        text = f"{whose}: {table(profile(opened.painter, batch, opened.shape.pixels))}"
        file.write_text(text + "\n")
        print(text, flush=True)

    def _flops(self, shape: Shape) -> int:
        graphs = flops_of(shape)
        counted = {record["networks"] for record in self.told if record["kind"] == "flops"} | self._counted
        if shape.name not in counted:
            self.tell({"kind": "flops", "networks": shape.name, "graphs": graphs})
            self._counted.add(shape.name)
        return sum(graphs.values())

    def _scenes(self, opened: _Opened) -> None:
        """What one would miss most first: the still scene before as many cameras as nearly fill the engine."""
        rate = max(opened.rates, default=0.0)
        counts = {busy_cameras(rate, opened.painter.sizes[-1]): None, 1: None}
        for name, make in (("still", still_scene), ("moving", moving_scene)):
            scene = make(opened.shape.pixels)
            for cameras in counts:
                for filtered in (False, True):
                    what = f"the {name} scene, {cameras} cameras, {'with' if filtered else 'without'} the filter"
                    self._guarded("scene", what, self._watch, opened, name, scene, cameras, filtered)

    def _watch(self, opened: _Opened, name: str, scene: Sequence[bytes], cameras: int, filtered: bool) -> None:
        seconds = max(1.0, SCENE_TIMES * self.seconds)
        seen = watch(opened.painter, scene, opened.shape.pixels, cameras, seconds, filtered, self.meter)
        per_frame = None if seen.watts is None else seen.watts * seen.seconds / seen.frames
        self.tell({
            "kind": "scene", "engine": opened.contestant.name, "scene": name, "cameras": cameras, "rate": RATE,
            "filtered": filtered, "frames": seen.frames, "painted": seen.painted, "skipped": seen.skipped,
            "seconds": seen.seconds, "busy": seen.busy, "late": seen.late, "watts": seen.watts,
            "joules_per_frame": per_frame,
        })  # fmt: skip


def busy_cameras(rate: float, batch: int) -> int:
    """How many cameras nearly fill an engine of so many images a second: whole ticks of them where there are as many."""
    cameras = min(_MOST_CAMERAS, int(_OF_ITS_RATE * rate / RATE))
    return max(1, cameras // batch * batch or cameras)


def _short(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else ""
