"""What watching costs: nanoseconds of an image's metrics, energy books, counts and traces, and their share of its time.

python -m benchmarks.overhead [--engine openvino --student embedded]    or, for a known time of an image: --image-ms 8
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engines.errors import EngineError
from engines.factory import make_engine
from engines.prepare import prepare
from engines.students import BadStudent, UnknownStudent, load_student
from server.connection_counts import ConnectionCounts
from server.energy.collector import EnergyCollector
from server.energy.ledger import Ledger
from server.energy.meter import MeterName
from server.metrics import Metrics
from server.settings import SettingsError, load_settings
from server.tracing import NO_TRACER
from server.types import Job, Outcome, Result, Timings

SESSIONS = 16
"""Live users, each with a book of energy."""
SCRAPE_SECONDS = 15.0
"""Between two readings by Prometheus, at its defaults."""
_REPEATS = 7
_METER = MeterName("gpu0", "nvml")


def best(work: Callable[[], object], times: int = 2000) -> float:
    """Seconds of one call: the best of several rounds, since others use the machine too."""
    rounds = []
    for _ in range(_REPEATS):
        began = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - began) / times)
    return min(rounds)


def per_image(rows: int) -> dict[str, float]:
    """Seconds of an image in a tick of so many rows, by part."""
    metrics, ledger = _server()
    student, counts = metrics.of("embedded"), ConnectionCounts()
    result = Result(1, Outcome.IMAGE, b"", rows, Timings(0.005, 0.001, 0.02, 0.002))
    owners = [f"session-{index % SESSIONS}" for index in range(rows)]
    jobs = [Job(index, owner, "stream", (("", 1.0),), 0, 0.0, 0.0) for index, owner in enumerate(owners)]

    def tick() -> None:
        with ledger.tick("embedded", owners) as ticking:
            ticking.images = rows

    def trace() -> None:
        with NO_TRACER.tick("embedded", jobs):
            pass

    return {
        "metrics of an image": best(lambda: student.result("stream", result, 0.03)),
        "metrics of its tick": best(lambda: student.tick(0.02, rows)) / rows,
        "energy of its tick": best(tick) / rows,
        "energy of an image": best(lambda: ledger.estimate(0.01)),
        "counts of its connection": best(lambda: counts.image(0.03)),
        "traces, off": best(trace) / rows,
    }


def per_second() -> dict[str, float]:
    """Seconds of each second, by part: what does not depend on images."""
    metrics, ledger = _server()
    metrics.of("embedded").engine("fake", "none", "float32", (1, 2, 4, 8))

    def close() -> None:
        with ledger.tick("embedded", [f"session-{index}" for index in range(SESSIONS)]):
            pass
        ledger.close({_METER: 1_000_000})

    return {
        "closing a window": best(close, 200),
        f"a scrape every {SCRAPE_SECONDS:g} s": best(metrics.exposition, 20) / SCRAPE_SECONDS,
    }


def traces_on() -> float | None:
    """Seconds of a job's span and its tick's, all traced and none sent; None where the extra is not installed."""
    try:
        from opentelemetry.sdk.trace import SpanProcessor

        from server.otel import OtelTracer
    except ImportError:
        return None
    tracer = OtelTracer(SpanProcessor())
    job = Job(1, "me", "openai", (("", 1.0),), 0, time.monotonic(), 0.0)

    def trace() -> None:
        with tracer.job(job, "embedded") as span:
            _ = span.trace
            span.say(outcome="image", rows=1, seconds={"wait": 0.1, "decode": 0.1, "engine": 0.1, "encode": 0.1})
        with tracer.tick("embedded", [job]):
            pass

    return best(trace, 500)


def _server() -> tuple[Metrics, Ledger]:
    metrics, ledger = Metrics(), Ledger()
    metrics.registry.register(EnergyCollector(ledger))
    ledger.enrol(_METER)
    for index in range(SESSIONS):
        ledger.enter(f"session-{index}")
    with ledger.tick("embedded", ["session-0"]):
        pass
    ledger.close({_METER: 1_000_000})
    return metrics, ledger


def measure(image_seconds: float, rows: int) -> dict[str, Any]:
    """Everything, as plain values; `share` is of an image's time with traces off."""
    image, second = per_image(rows), per_second()
    return {
        "image_ms": image_seconds * 1e3,
        "rows": rows,
        "per_image_ns": {name: seconds * 1e9 for name, seconds in image.items()},
        "per_second_us": {name: seconds * 1e6 for name, seconds in second.items()},
        "traces_on_ns": None if (on := traces_on()) is None else on * 1e9,
        "share": sum(image.values()) / image_seconds + sum(second.values()),
    }


def _table(result: dict[str, Any]) -> str:
    image_ns = result["image_ms"] * 1e6
    rows = result["per_image_ns"]
    lines = [f"An image takes {result['image_ms']:.2f} ms, {result['rows']} to a tick.", ""]
    lines += [f"{name:<28}{ns:>9.0f} ns{ns / image_ns:>9.3%}" for name, ns in rows.items()]
    lines += [f"{name:<28}{us:>9.0f} us{us / 1e6:>9.3%} of each second" for name, us in result["per_second_us"].items()]
    lines += [f"{'all':<28}{sum(rows.values()):>9.0f} ns{result['share']:>9.3%}"]
    if (on := result["traces_on_ns"]) is not None:
        lines += ["", f"{'traces, all of them':<28}{on:>9.0f} ns{on / image_ns:>9.3%}"]
    return "\n".join(lines)


def _image_seconds(engine: str, student: str) -> tuple[float, int]:
    """The best seconds of an image by the engine's own timing, and at how many rows. Raises EngineError."""
    settings = load_settings({"engine": engine, "student": student})
    ready = load_student(student)
    if engine != "fake":
        ready = prepare(ready, settings.cache, settings.choices(), lambda doing: print(doing, file=sys.stderr))
    made = make_engine(
        engine, ready, settings.sizes_for(ready), settings.engine_options(), cache=settings.cache, device=settings.gpu()
    )
    costs = made.warm_up()
    made.close()
    return min((seconds / size, size) for size, seconds in costs.items())


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit status."""
    parser = argparse.ArgumentParser(prog="benchmarks.overhead", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--student", default="embedded")
    parser.add_argument("--image-ms", type=float, default=None, help="milliseconds of an image; none: ask the engine")
    parser.add_argument("--rows", type=int, default=1, help="rows in a tick, with --image-ms")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    try:
        known = options.image_ms is not None
        seconds, rows = (options.image_ms / 1e3, options.rows) if known else _image_seconds(options.engine, options.student)
    except (SettingsError, UnknownStudent, BadStudent, EngineError) as error:
        print(f"benchmarks.overhead: {error}", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(1) as elsewhere:  # where the instruments are used: not on the main thread
        result = elsewhere.submit(measure, seconds, rows).result()
    print(json.dumps(result) if options.json else _table(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
