"""The benchmark's measurements as markdown. Pure."""

import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def markdown(measured: dict[str, Any]) -> str:
    """The whole report."""
    parts = [_heading(measured), _summary(measured), _engine(measured["engine"]), _loads(measured), _stages(measured["loads"])]
    parts += [_still(measured["still"]), _overhead(measured["overhead"])]
    if measured["flat"]:
        parts.append(_flat(measured["flat"]))
    return "\n\n".join(parts)


def engine_rates(run: dict[str, Any]) -> dict[int, float]:
    """Images per second by batch size."""
    return {row["batch"]: row["images_per_s"] for row in run["batches"]}


def ratio(load: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> tuple[float, int]:
    """A load's images per second over those of the engine alone, and the batch size of the latter.

    One client is compared with batch 1, since it is alone; more are compared with the batch size that is best on average.
    """
    sizes = engine_rates(before).keys() & engine_rates(after).keys()
    means = {size: (engine_rates(before)[size] + engine_rates(after)[size]) / 2 for size in sizes}
    size = min(means) if load["clients"] == 1 else max(means, key=means.__getitem__)
    return load["images_per_s"] / means[size], size


def best_batch(runs: Sequence[dict[str, Any]]) -> tuple[int, float]:
    """The batch size with the most images per second on average over the engine's runs, and how many those are."""
    means = {size: statistics.mean(engine_rates(run)[size] for run in runs) for size in engine_rates(runs[0])}
    size = max(means, key=means.__getitem__)
    return size, means[size]


def flatness(slices: Sequence[dict[str, float]]) -> float:
    """The median p99 of the last third of the slices over that of the first third; 1 is flat."""
    values = [part["p99_ms"] for part in slices if part["p99_ms"] is not None]
    third = max(1, len(values) // 3)
    return statistics.median(values[-third:]) / statistics.median(values[:third]) if values else float("nan")


def _heading(measured: dict[str, Any]) -> str:
    engine, memory = measured["engine"][0], measured["memory"]
    lines = [
        f"Student {engine['student']}, {engine['engine']} on {engine['device']} in {engine['precision']}; "
        f"{_processor()}, {os.cpu_count()} cores; Python {platform.python_version()}.",
        f"The server was ready {measured['ready_after']:.1f} s after its start. "
        f"Resident memory: {_mebibytes(memory['idle'], 'resident')} when ready, {_mebibytes(memory['after'], 'resident')} "
        f"after the loads ({_mebibytes(memory['after'], 'peak')} at most).",
        f"Loads of {measured['seconds']:g} s; every client keeps its window full.",
    ]
    return "\n".join(lines)


def _engine(runs: Sequence[dict[str, Any]]) -> str:
    rows = []
    for size in engine_rates(runs[0]):
        rates = [engine_rates(run)[size] for run in runs]
        rows.append([str(size), *(f"{rate:.1f}" for rate in rates), f"**{statistics.mean(rates):.1f}**"])
        rows[-1].append(f"{statistics.mean(_row(run, size)['cpu_ms_per_image'] for run in runs):.1f}")
    head = ["batch", *(f"run {i + 1}" for i in range(len(runs))), "mean", "CPU ms per image"]
    return _table("Engine alone, images/s", head, rows)


def _row(run: dict[str, Any], size: int) -> dict[str, Any]:
    return next(row for row in run["batches"] if row["batch"] == size)


def _compared(measured: dict[str, Any]) -> list[tuple[dict[str, Any], float, int]]:
    """Each load with its ratio to the engine alone, measured just before and just after it."""
    around = zip(measured["loads"], measured["engine"], measured["engine"][1:], strict=False)
    return [(load, *ratio(load, before, after)) for load, before, after in around]


def _summary(measured: dict[str, Any]) -> str:
    lines = []
    for clients in dict.fromkeys(load["clients"] for load in measured["loads"]):
        mine = [one for one in _compared(measured) if one[0]["clients"] == clients]
        shares = [share for _, share, _ in mine]
        each = ", ".join(f"{share:.0%}" for share in shares)
        lines.append(
            f"- {clients} client{'s' * (clients > 1)}: **{statistics.median(shares):.0%}** of the engine alone ({each}), "
            f"{_percent(_thrift(measured['engine'], mine))} by processor time per image, "
            f"fairness {min(load['fairness'] for load, *_ in mine):.4f}, "
            f"unanswered {sum(load['unanswered'] for load, *_ in mine)}"
        )
    how = (
        "One client is compared with the engine at batch 1, more with the batch size that is best. On a machine that others\n"
        "use too, rates wander (over 100% is noise); processor time per image, the engine's over the server's, wanders less."
    )
    return "\n".join([how, "", *lines])


def _thrift(engine: Sequence[dict[str, Any]], compared: Sequence[tuple[dict[str, Any], float, int]]) -> float | None:
    """Processor time of an image by the engine alone over that through the server: the share that is not overhead."""
    known = [(load, size) for load, _, size in compared if load["server_cpu_s"] and load["painted"]]
    alone = [_row(run, size)["cpu_ms_per_image"] for _, size in known for run in engine]
    served = [load["server_cpu_s"] / load["painted"] * 1e3 for load, _ in known]
    return statistics.median(alone) / statistics.median(served) if served else None


def _loads(measured: dict[str, Any]) -> str:
    rows = []
    for load, share, size in _compared(measured):
        rates = [client["images_per_s"] for client in load["per_client"]]
        failed = sum(load["errors"].values()) + sum(load["failures"].values())
        rows.append([
            str(load["clients"]), f"**{load['images_per_s']:.1f}**", f"{min(rates):.1f} to {max(rates):.1f}",
            f"**{share:.0%}** of batch {size}", _number(load["fairness"], 4), _number(load["rows_per_tick"]),
            _percent(load["engine_busy"]), _per_image(load, "server_cpu_s"), _per_image(load, "client_cpu_s"),
            str(load["repeats"]), str(load["dropped"]), str(failed), f"**{load['unanswered']}**",
        ])  # fmt: skip
    head = ["clients", "images/s", "per client", "of the engine alone", "fairness", "rows per tick"]
    head += ["engine busy", "server CPU ms/image", "client CPU ms/image", "repeats", "dropped", "errors", "unanswered"]
    return _table("Through WebSocket", head, rows) + _complaints(measured["loads"])


def _per_image(load: dict[str, Any], name: str) -> str:
    return "-" if load[name] is None or not load["painted"] else f"{load[name] / load['painted'] * 1e3:.1f}"


def _stages(loads: Sequence[dict[str, Any]]) -> str:
    names = list(loads[0]["stages_ms"]) if loads else []
    rows = [[str(load["clients"]), *(_shares(load["stages_ms"][name]) for name in names)] for load in loads]
    return _table("Milliseconds by stage, p50 / p95 / p99 (total: from sending to answer)", ["clients", *names], rows)


def _still(still: dict[str, Any]) -> str:
    answered = still["images"] + still["repeats"]
    share = still["repeats"] / answered if answered else None
    row = [
        str(still["clients"]), f"{answered / still['seconds']:.1f}", f"**{_percent(share)}**", _percent(still["engine_busy"]),
        _shares(still["repeat_ms"]), str(still["unanswered"]),
    ]  # fmt: skip
    head = ["clients", "answers/s", "answered by the filter", "engine busy", "ms of a repeat, p50 / p95 / p99", "unanswered"]
    return _table("Still frames, at a camera's pace", head, [row])


def _overhead(overhead: dict[str, Any]) -> str:
    micros = sum(overhead["per_image_ns"].values()) / 1e3
    traced = overhead["traces_on_ns"]
    lines = [
        f"Of an image's {overhead['image_ms']:.1f} ms in a tick of {overhead['rows']}, its metrics, energy books and log take "
        f"{micros:.0f} us; with what is done once a second, **{overhead['share']:.2%}** of the time. "
        + ("" if traced is None else f"A trace of every image would take {traced / 1e3:.0f} us more; they are off by default."),
        "",
        ", ".join(f"{name} {ns / 1e3:.1f} us" for name, ns in overhead["per_image_ns"].items())
        + "; "
        + ", ".join(f"{name} {us:.0f} us a second" for name, us in overhead["per_second_us"].items())
        + ".",
    ]
    return "### What watching costs\n\n" + "\n".join(lines)


def _flat(flat: dict[str, Any]) -> str:
    values = ", ".join(_number(part["p99_ms"], 0) for part in flat["slices"])
    return (
        f"### {flat['seconds'] / 60:g} minutes with {flat['clients']} clients\n\n"
        f"{flat['images_per_s']:.1f} images/s, {flat['unanswered']} unanswered. The p99 of the last third over that of the "
        f"first: **{flatness(flat['slices']):.2f}**. p99 of the total in ms, by slice: {values}."
    )


def _complaints(loads: Iterable[dict[str, Any]]) -> str:
    found = [
        f"- {load['clients']} clients: {what} ({count})"
        for load in loads
        for what, count in {**load["errors"], **load["failures"]}.items()
    ]
    return "\n\n" + "\n".join(found) if found else ""


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---:"] * len(head), *rows]
    return f"### {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shares(values: dict[str, float | None]) -> str:
    return " / ".join(_number(values[name]) for name in ("p50", "p95", "p99"))


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _mebibytes(memory: dict[str, float], name: str) -> str:
    return f"{memory[name]:.0f} MiB" if name in memory else "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
