"""One painter at one tick size: all its columns of the table."""

from collections.abc import Mapping
from typing import Any

from server.energy.meter import Meter

from .ours import EnginePainter
from .painter import Painter, paint
from .power import PowerTrace
from .shapes import Shape
from .timing import Timing, make_pictures, settle, time_ticks, time_with_jpeg, to_jpeg

_ROUNDS = 4
"""Different pictures for each of a few ticks, which then begin again."""


def depths(painter: Painter) -> list[Painter]:
    """The ways in which a painter is measured: waited for after each tick, and with another under way where it can."""
    return [painter.one_at_a_time(), painter] if isinstance(painter, EnginePainter) and painter.depth > 1 else [painter]


def measure(
    painter: Painter, shape: Shape, batch: int, seconds: float, flops: int | None, peak: float | None, meter: Meter | None
) -> Mapping[str, Any]:
    """Columns of a row, in units as named. `flops` are those of one image, `peak` TFLOP/s, None if not known."""
    pictures = make_pictures(shape.pixels, _ROUNDS * batch)
    rounds = [pictures[at * batch : (at + 1) * batch] for at in range(_ROUNDS)]
    settle(painter, rounds[0])
    with PowerTrace(meter) as power:
        alone = time_ticks(painter, rounds, seconds)
    jpeg = time_with_jpeg(painter, [to_jpeg(of_tick) for of_tick in rounds], shape.pixels, seconds)
    tflops = None if flops is None else alone.rate * flops / 1e12
    return {
        "precision": painter.precision,
        "batch": batch,
        "under_way": painter.depth,
        "images": alone.images,
        **_numbers(alone, ""),
        **_numbers(jpeg, "jpeg_"),
        "watts": power.watts,
        "joules_per_image": None if power.watts is None else power.watts / alone.rate,
        "tflops": tflops,
        "share": None if peak is None or tflops is None else tflops / peak,
        "waits_per_tick": _waits(painter, rounds),
        "graphs": painter.graphs,
    }


def _numbers(timing: Timing, prefix: str) -> dict[str, float]:
    return {
        f"{prefix}images_per_s": timing.rate,
        f"{prefix}p50_ms": 1e3 * timing.percentile(50),
        f"{prefix}p99_ms": 1e3 * timing.percentile(99),
    }


def _waits(painter: Painter, rounds: list[Any]) -> float | None:
    def run() -> None:
        for pictures in rounds:
            paint(painter, pictures)

    waits = painter.waits(run)
    return None if waits is None else waits / len(rounds)
