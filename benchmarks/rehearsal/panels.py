"""How each kind of panel is drawn."""

from collections.abc import Callable
from itertools import pairwise
from math import isnan

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from . import units
from .boards import Board
from .canvas import BACKGROUND, COLOURS, PANEL, Canvas, plot, time_axis
from .prometheus import Series
from .show import DAY, Named, Show


def stat(canvas: Canvas, board: Board, show: Show) -> None:
    found = show.ask(board, canvas.panel)
    if not found:
        canvas.empty()
        return
    named = found[0]
    colour = canvas.at_threshold(named.last)
    canvas.text(canvas.w / 2, 0.46 * canvas.h, canvas.number(named.last), size=26, weight="semibold", color=colour, ha="center")
    if canvas.panel.json["options"]["graphMode"] == "area":
        axes = canvas.axes(1, 0.66 * canvas.h, 1, 1)
        axes.set_axis_off()
        axes.plot(named.times, named.values, color=colour, linewidth=1.2)
        axes.fill_between(named.times, named.values, color=colour, alpha=0.15)
        axes.set_ylim(0, 1.05 * _most([named]) or 1)
        axes.margins(x=0)


def timeseries(canvas: Canvas, board: Board, show: Show) -> None:
    found = show.ask(board, canvas.panel)
    if not found:
        canvas.empty()
        return
    axes = plot(canvas, show)
    mode = canvas.panel.defaults["custom"]["stacking"]["mode"]
    if mode == "percent":
        _stack(canvas, axes, found, share=True)
        axes.set_ylim(0, 1)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    else:
        top = _stack(canvas, axes, found, share=False) if mode == "normal" else _lines(canvas, axes, found)
        axes.set_ylim(0, canvas.panel.defaults.get("max", 1.08 * top or 1))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: canvas.number(value)))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    canvas.legend([(named.name, canvas.colour(named.name, index)) for index, named in enumerate(found)])


def _lines(canvas: Canvas, axes: Axes, found: list[Named]) -> float:
    for index, named in enumerate(found):
        colour = canvas.colour(named.name, index)
        if canvas.panel.property_of(named.name, "custom.lineStyle") is not None:
            axes.plot(named.times, named.values, color=colour, linewidth=1.2, linestyle=(0, (5, 4)))
        else:
            axes.plot(named.times, named.values, color=colour, linewidth=1.8)
            axes.fill_between(named.times, named.values, color=colour, alpha=0.09, linewidth=0)
    return _most(found)


def _stack(canvas: Canvas, axes: Axes, found: list[Named], share: bool) -> float:
    times, heights = _grid([named.series for named in found])
    if share:
        heights = heights / np.maximum(heights.sum(0), 1e-12)
    colours = [canvas.colour(named.name, index) for index, named in enumerate(found)]
    axes.stackplot(times, heights, colors=colours, alpha=0.6, linewidth=0)
    for total, colour in zip(np.cumsum(heights, axis=0), colours, strict=True):
        axes.plot(times, total, color=colour, linewidth=1)
    return float(heights.sum(0).max())


def heatmap(canvas: Canvas, board: Board, show: Show) -> None:
    # a bucket holds all below it too: a cell is what it has more than the one before
    found = sorted(show.answer(board, canvas.panel.targets[0]), key=lambda series: float(series.labels["le"]))
    times, table = _grid(found)
    cells = np.diff(table, axis=0, prepend=0.0).clip(min=0)
    used = np.flatnonzero(cells.sum(1) > 1e-9)
    if not len(used):
        canvas.empty()
        return
    low, high = max(0, used[0] - 1), min(len(found), used[-1] + 2)
    axes = plot(canvas, show)
    axes.grid(visible=False)
    shown = np.where(cells[low:high] > 1e-9, cells[low:high], np.nan)
    colours = mpl.colormaps["Spectral_r"]
    axes.pcolormesh(
        times, np.arange(high - low), shown, cmap=colours, norm=PowerNorm(0.5, vmin=0), shading="nearest", edgecolor=PANEL,
        linewidth=0.4,
    )  # fmt: skip
    unit = canvas.panel.json["options"]["yAxis"]["unit"]
    labelled = range(0, high - low, -(-(high - low) // 6))
    axes.set_yticks(labelled, [_bound(found[low + row].labels["le"], unit) for row in labelled])


def _bound(le: str, unit: str) -> str:
    return "more" if le == "+Inf" else f"≤ {units.text(float(le), unit)}"


def bargauge(canvas: Canvas, board: Board, show: Show) -> None:
    found = show.ask(board, canvas.panel)
    if not found:
        canvas.empty()
        return
    axes = canvas.axes(72, 40, 86, 16)
    axes.set_xticks([])
    most = canvas.panel.defaults.get("max", max(named.last for named in found))
    for index, named in enumerate(found):
        colour = canvas.colour(named.name, index)
        axes.barh(index, most, height=0.62, color="#22252b")
        axes.barh(index, named.last, height=0.62, color=colour, alpha=0.75)
        axes.text(most * 1.03, index, canvas.number(named.last), color=colour, size=12, va="center")
    axes.set_yticks(range(len(found)), [named.name for named in found], size=10.5)
    axes.set_xlim(0, most)
    axes.invert_yaxis()


def state_timeline(canvas: Canvas, board: Board, show: Show) -> None:
    found = show.ask(board, canvas.panel)
    if not found:
        canvas.empty()
        return
    states = canvas.panel.defaults["mappings"][0]["options"]
    axes = canvas.axes(30 + 6.3 * max(len(named.name) for named in found), 36, 14, 34)
    time_axis(axes, show, canvas.w)
    for index, named in enumerate(found):
        for value, begin, end in _stretches(named.series.samples):
            state = states[f"{value:g}"]
            axes.barh(index, (end - begin) / DAY, left=begin / DAY, height=0.72, color=COLOURS[state["color"]], alpha=0.8)
            if end - begin > 0.08 * (show.end - show.start):
                axes.text(begin / DAY, index, f" {state['text']}", size=9.5, color=BACKGROUND, va="center")
    axes.set_yticks(range(len(found)), [named.name for named in found])
    axes.set_ylim(len(found) - 0.4, -0.6)


def _stretches(samples: list[tuple[float, float]]) -> list[tuple[float, float, float]]:
    """Runs of one value without a hole, as (value, begin, end)."""
    step = min((after[0] - before[0] for before, after in pairwise(samples)), default=1.0)
    runs: list[tuple[float, float, float]] = []
    for when, value in samples:
        if runs and runs[-1][0] == value and when - runs[-1][2] <= 0.5 * step:
            runs[-1] = (value, runs[-1][1], when + step)
        else:
            runs.append((value, when, when + step))
    return runs


def table(canvas: Canvas, board: Board, show: Show) -> None:
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for target in canvas.panel.targets:
        for series in show.answer(board, target):
            row = rows.setdefault(tuple(sorted(series.labels.values())), dict(series.labels))
            row[f"Value #{target.ref}"] = str(series.samples[-1][1])
    if not rows:
        canvas.empty()
        return
    (arrange,) = (t["options"] for t in canvas.panel.json["transformations"] if t["id"] == "organize")
    columns = arrange["renameByName"].items()
    for index, (field, title) in enumerate(columns):
        x = 16 + index * (canvas.w - 32) / len(columns)
        canvas.text(x, 48, title, size=10, color=COLOURS["blue"], weight="medium")
        unit = canvas.panel.property_of(title, "unit")
        for line, row in enumerate(rows.values()):
            cell = row.get(field, "")
            canvas.text(x, 78 + 28 * line, units.text(float(cell), unit) if unit and cell else cell, size=10.5)


def _grid(found: list[Series]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All times, in days, and each series' value at each of them; 0 where it has none."""
    seconds = sorted({when for series in found for when, _ in series.samples})
    values = np.array([[dict(series.samples).get(when, 0.0) for when in seconds] for series in found])
    return np.array(seconds) / DAY, np.nan_to_num(values)


def _most(found: list[Named]) -> float:
    return max(value for named in found for value in named.values if not isnan(value))


DRAWERS: dict[str, Callable[[Canvas, Board, Show], None]] = {
    "stat": stat, "timeseries": timeseries, "heatmap": heatmap, "bargauge": bargauge, "state-timeline": state_timeline,
    "table": table,
}  # fmt: skip
"""By the name that Grafana has for the kind."""
