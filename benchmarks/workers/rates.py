"""How much is painted, and how long it takes, by numbers of workers and kinds of queue."""

import statistics
from collections.abc import Callable, Coroutine
from typing import Any

from ..load.run import parse
from ..load.run import run as run_load
from ..serving import Serving
from .stand import Stand

_ROUNDS = 3
_WARM_UP = 1.0

Figures = dict[str, Any]


async def _load(server: Serving, seconds: float, *flags: str) -> Figures:
    options = parse(["--url", server.url, "--seconds", str(seconds), "--warmup", str(_WARM_UP), "--similarity", "off", *flags])
    return await run_load(options)


async def ratio(seconds: float) -> Figures:
    """Images a second of four workers and of one, each with ticks of one row of 20 ms."""
    rates = {}
    for workers in (1, 4):
        with Stand() as stand:
            for _ in range(workers):
                stand.worker("--fake-copies")
            rates[workers] = (await _load(stand.front(), seconds, "--clients", "12"))["images_per_s"]
    return {"one_worker": round(rates[1], 1), "four_workers": round(rates[4], 1), "ratio": round(rates[4] / rates[1], 2)}


async def latency(seconds: float) -> Figures:
    """What a queue in Redis adds to an image's time over one in memory: one live user, ticks of 20 ms, a camera's pace.

    Rounds of both alternate, and of each the median is taken, since others use the machine too.
    """
    found: dict[str, dict[str, list[float]]] = {kind: {"p50": [], "p99": []} for kind in ("memory", "redis")}
    with Stand() as stand:
        stand.worker()
        servers = {"memory": stand.alone(), "redis": stand.front()}
        for _ in range(_ROUNDS):
            for kind, server in servers.items():
                total = (await _load(server, seconds / _ROUNDS, "--clients", "1", "--fps", "15"))["stages_ms"]["total"]
                for share, values in found[kind].items():
                    values.append(total[share])
    typical = {kind: {share: statistics.median(values) for share, values in of.items()} for kind, of in found.items()}
    added = {share: round(typical["redis"][share] - typical["memory"][share], 2) for share in ("p50", "p99")}
    shown = {f"{kind}_{share}_ms": round(value, 2) for kind, of in typical.items() for share, value in of.items()}
    return {**shown, "added_p50_ms": added["p50"], "added_p99_ms": added["p99"]}


async def front_end(seconds: float) -> Figures:
    """Live frames of 256x256, in and out, of one front end, where workers cost next to nothing.

    `per_core` is frames by second of processor time that the front end used: what a core of its own could do at most.
    """
    with Stand() as stand:
        for _ in range(2):
            stand.worker("--fake-copies", sizes="8", tick=0.001)
        front = stand.front()
        before = front.processor_seconds() or 0.0
        result = await _load(front, seconds, "--clients", "24")
        spent = (front.processor_seconds() or 0.0) - before
        images = result["painted"]
        return {
            "images_per_s": round(result["images_per_s"], 1),
            "front_processor_s": round(spent, 2),
            "per_core": round(images / spent, 1),
            "total_p50_ms": round(result["stages_ms"]["total"]["p50"], 1),
        }


Rate = Callable[[float], Coroutine[Any, Any, Figures]]
RATES: dict[str, Rate] = {rate.__name__: rate for rate in (ratio, latency, front_end)}
"""Each with processes of its own."""
