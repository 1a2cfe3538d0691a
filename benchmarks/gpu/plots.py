"""Records as pictures: one PNG for each kind of networks, of four panels."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]

_PANELS = (
    ("images_per_s", 1.0, "images per second"),
    ("joules_per_image", 1.0, "joules per image"),
    ("share", 100.0, "% of the matrix-product peak"),
    ("p50_ms", 1.0, "latency p50, ms"),
)


def draw(records: Sequence[Record], folder: Path) -> list[Path]:
    """Pictures of what rows there are, and where they lie. Raises ImportError without matplotlib."""
    from matplotlib.figure import Figure

    rows = [record for record in records if record["kind"] == "row"]
    drawn = []
    for family, pixels in sorted({(row["family"], row["pixels"]) for row in rows}):
        figure = Figure(figsize=(11, 8), layout="constrained")
        figure.suptitle(f"{family} shapes at {pixels} pixels, one step; {_machine(records)}")
        of_it = [row for row in rows if (row["family"], row["pixels"]) == (family, pixels)]
        for panel, (key, factor, title) in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
            _panel(panel, of_it, key, factor, title)
        path = folder / f"{family}-{pixels}.png"
        figure.savefig(path, dpi=110)
        drawn.append(path)
    return drawn


def _panel(panel: Any, rows: Sequence[Record], key: str, factor: float, title: str) -> None:
    lines = sorted({(str(row["engine"]), int(row["under_way"])) for row in rows})
    colours = {engine: f"C{number}" for number, engine in enumerate(sorted({engine for engine, _ in lines}))}
    for engine, under_way in lines:
        points = sorted(
            (row["batch"], factor * row[key])
            for row in rows
            if (row["engine"], row["under_way"]) == (engine, under_way) and row[key] is not None
        )
        if points:
            label = engine if under_way == 1 else f"{engine}, one tick ahead"
            style = "-" if under_way == 1 else "--"
            panel.plot(*zip(*points, strict=True), marker="o", label=label, color=colours[engine], linestyle=style)
    batches = sorted({row["batch"] for row in rows})
    panel.set(title=title, xlabel="batch", xscale="log")
    panel.set_xticks(batches, [str(batch) for batch in batches])
    panel.minorticks_off()
    panel.set_ylim(bottom=0)
    panel.grid(alpha=0.3)
    if panel.lines:
        panel.legend(fontsize="small")
    else:
        panel.text(0.5, 0.5, "not measured", ha="center", transform=panel.transAxes)


def _machine(records: Sequence[Record]) -> str:
    return next((str(record["device"]) for record in records if record["kind"] == "machine"), "")
