"""Images per second of an engine alone, by batch size: python -m benchmarks.engine --engine openvino --student embedded

Rows are img2img where the student does that, each with an image, a seed and conditioning of its own, all made ahead; the
engine does the rest.
Batch sizes take turns, a second each, so that a machine that slows down for a while slows them all.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engines.choices import Choices
from engines.engine import Conditioning, Engine, Pixels, Row
from engines.errors import EngineError
from engines.factory import make_engine
from engines.options import ENGINES, TENSORRT, EngineOptions, FakeOptions, OpenVinoOptions
from engines.prepare import prepare
from engines.student import Student
from engines.students import UnknownStudent, load_student

_ROUNDS = 4
_TURN = 1.0
_CACHE = Path.home() / ".cache" / "allaprima"
_PROMPTS = ("a red heart, watercolor", "a blue star, neon", "a white house, ink", "a purple boat, pop art")


def main(arguments: list[str] | None = None) -> int:
    """Measure and print. 1, with the reason on stderr, if there is no such engine or student, or it fails."""
    options = _parse(arguments)
    try:
        student = load_student(options.student)
        if options.engine != "fake":
            student = prepare(student, options.cache, Choices(), lambda doing: print(doing, file=sys.stderr))
        gpu = 0 if options.engine in TENSORRT else None
        engine = make_engine(options.engine, student, options.batch_sizes, _options(options), cache=options.cache, device=gpu)
        try:
            result = benchmark(engine, options.seconds, options.strength)
        finally:
            engine.close()
    except (EngineError, UnknownStudent, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result) if options.json else _table(result))
    return 0


def benchmark(engine: Engine, seconds: float, strength: float = 0.5) -> dict[str, Any]:
    """Run every compiled size for `seconds` each, after a warm-up. Rates are images per second, times milliseconds.

    Raises EngineError if a tick or a row of it fails, UnsupportedStrength if the student cannot be driven at `strength`.
    """
    engine.warm_up()
    conditioning = [engine.condition(prompt) for prompt in _PROMPTS]
    work = {size: make_rounds(engine.student, conditioning, size, strength) for size in engine.batch_sizes}
    spent: dict[int, list[float]] = {size: [] for size in engine.batch_sizes}
    processor = dict.fromkeys(engine.batch_sizes, 0.0)
    while unfinished := [size for size in engine.batch_sizes if sum(spent[size]) < seconds]:
        for size in unfinished:
            begin = time.process_time()
            _take_turn(engine, work[size], spent[size], min(_TURN, seconds))
            processor[size] += time.process_time() - begin
    return {
        "engine": engine.backend,
        "device": engine.device,
        "precision": engine.precision,
        "student": engine.student.name,
        "strength": strength,
        "steps": len(next(iter(work.values()))[0]),
        "batches": [_summary(size, spent[size], processor[size]) for size in engine.batch_sizes],
    }


def make_rounds(student: Student, conditioning: Sequence[Conditioning], size: int, strength: float) -> list[list[list[Row]]]:
    """Rounds of `size` jobs: repaints, or stills of a student that makes no other. Each round is a list of ticks, one per
    step; no two rows share an image or a seed."""
    steps = student.contract.repaint(strength) if student.img2img else student.contract.still()
    random = np.random.default_rng(size)
    rounds = []
    for round_index in range(_ROUNDS):
        jobs = range(round_index * size, (round_index + 1) * size)
        images = [_picture(random, student) if student.img2img else None for _ in jobs]
        rounds.append([
            [
                Row(
                    job=job, index=index, step=step, last=index == len(steps) - 1, seed=job,
                    conditioning=conditioning[job % len(conditioning)], image=image if index == 0 else None,
                )
                for job, image in zip(jobs, images, strict=True)
            ]
            for index, step in enumerate(steps)
        ])  # fmt: skip
    return rounds


def _picture(random: np.random.Generator, student: Student) -> Pixels:
    """Smooth blocks of colour: what a network is fed with should look like a picture more than like noise."""
    blocks = random.integers(0, 256, (-(-student.height // 32), -(-student.width // 32), 3), dtype=np.uint8)
    return np.ascontiguousarray(blocks.repeat(32, axis=0).repeat(32, axis=1)[: student.height, : student.width])


def _take_turn(engine: Engine, rounds: list[list[list[Row]]], spent: list[float], seconds: float) -> None:
    """Paint batches for so many seconds, noting the seconds that each batch took over all its steps."""
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        painted = [engine.tick(rows) for rows in rounds[len(spent) % len(rounds)]]
        spent.append(time.perf_counter() - begin)
        for answer in painted[-1]:
            if answer.image is None:
                raise EngineError(f"the engine gave no image: {answer.error or 'and no error either'}")


def _summary(size: int, spent: Sequence[float], processor: float) -> dict[str, float]:
    return {
        "batch": size,
        "images_per_s": round(size * len(spent) / sum(spent), 3),
        "median_ms": round(statistics.median(spent) * 1e3, 3),
        "p95_ms": round(float(np.percentile(spent, 95)) * 1e3, 3),
        "cpu_ms_per_image": round(processor / (size * len(spent)) * 1e3, 3),
        "ticks": len(spent),
    }


def _table(result: dict[str, Any]) -> str:
    lines = [
        f"{result['engine']} on {result['device']} in {result['precision']}: {result['student']}, {result['steps']} step(s)",
        f"{'batch':>6}{'images/s':>12}{'median ms':>12}{'p95 ms':>12}{'CPU ms/image':>14}",
    ]
    for row in result["batches"]:
        times = f"{row['median_ms']:>12.1f}{row['p95_ms']:>12.1f}{row['cpu_ms_per_image']:>14.1f}"
        lines.append(f"{row['batch']:>6}{row['images_per_s']:>12.1f}{times}")
    return "\n".join(lines)


def _options(options: argparse.Namespace) -> EngineOptions | None:
    """What is chosen of the engine; None is what it does unasked."""
    if options.engine == "openvino":
        return OpenVinoOptions("fp32" if options.precision == "f32" else options.precision, options.threads)
    if options.engine == "fake":
        return FakeOptions(tick_seconds=options.tick_seconds, row_seconds=options.row_seconds)
    return None


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.engine", description=(__doc__ or "").splitlines()[0], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--engine", choices=ENGINES, default="openvino")
    parser.add_argument("--student", default="embedded")
    parser.add_argument("--batch-sizes", type=_sizes, default=(1, 2, 4, 8), help="comma-separated")
    parser.add_argument("--seconds", type=float, default=5.0, help="measured time of each batch size")
    parser.add_argument("--strength", type=float, default=0.5)
    parser.add_argument("--cache", type=Path, default=_CACHE, help="folder of compiled engines")
    parser.add_argument("--precision", default="auto", help="openvino: auto, bf16 or fp32")
    parser.add_argument("--threads", type=int, default=0, help="openvino: 0 means one per core")
    parser.add_argument("--tick-seconds", type=float, default=0.0, help="fake: seconds of a tick")
    parser.add_argument("--row-seconds", type=float, default=0.0, help="fake: seconds of a row")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return parser.parse_args(arguments)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


if __name__ == "__main__":
    sys.exit(main())
