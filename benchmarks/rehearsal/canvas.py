"""A panel's place in a picture, in pixels from its top left, and what most panels have: a frame, an axis of time, a legend."""

from datetime import UTC, datetime
from math import ceil
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.ticker import FuncFormatter

from . import units
from .boards import Panel
from .show import DAY, Show

COLOURS = {
    "green": "#73BF69", "blue": "#5794F2", "yellow": "#FADE2A", "orange": "#FF9830", "red": "#F2495C", "purple": "#B877D9",
}  # fmt: skip
PALETTE = [COLOURS[name] for name in ("green", "yellow", "blue", "orange", "red", "purple")]
TEXT, DIM, BACKGROUND, PANEL, EDGE, GRID = "#ccccdc", "#9a9ba8", "#111217", "#181b1f", "#2a2c33", "#26282e"
WIDTH, CELL, HEADER, GAP, DPI = 1920, 38, 62, 4, 100
"""Pixels: of a picture, a row of Grafana's grid, the title above it, the space around a panel; and pixels per inch."""
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 1800, 3600)
"""Seconds between two labels of time."""


class Canvas:
    """The place of one panel in a figure of so many pixels' height."""

    def __init__(self, figure: Figure, panel: Panel, height: int) -> None:
        self.figure, self.panel = figure, panel
        place, column = panel.json["gridPos"], WIDTH / 24
        self.x, self.y = place["x"] * column + GAP, HEADER + place["y"] * CELL + GAP
        self.w, self.h = place["w"] * column - 2 * GAP, place["h"] * CELL - 2 * GAP
        self._height = height

    def axes(self, left: float, top: float, right: float, bottom: float) -> Axes:
        """Axes with these margins inside the panel."""
        axes: Axes = self.figure.add_axes(self._box(left, top, right, bottom), facecolor="none")
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(length=0, labelsize=9)
        return axes

    def text(self, x: float, y: float, text: str, **style: Any) -> float:
        """Text in the middle of a line at y; its width."""
        put = self.figure.text((self.x + x) / WIDTH, 1 - (self.y + y) / self._height, text, va="center", **style)
        canvas = self.figure.canvas
        assert isinstance(canvas, FigureCanvasAgg)
        return float(put.get_window_extent(canvas.get_renderer()).width)  # type: ignore[no-untyped-call]

    def frame(self) -> None:
        """The panel's border and title."""
        x, y, w, h = self._box(0, 0, 0, 0)
        style = "round,pad=0,rounding_size=0.0015"
        patch = FancyBboxPatch((x, y), w, h, boxstyle=style, facecolor=PANEL, edgecolor=EDGE, linewidth=1, zorder=-1)
        patch.set_transform(self.figure.transFigure)
        self.figure.add_artist(patch)
        self.text(10, 17, self.panel.title, size=10.5, weight="medium")

    def empty(self) -> None:
        """What stands where there is nothing to show."""
        self.text(self.w / 2, self.h / 2 + 8, self.panel.defaults.get("noValue") or "No data", size=13, color=DIM, ha="center")

    def legend(self, entries: list[tuple[str, str]]) -> None:
        """Names and colours along the bottom."""
        x = 16.0
        for name, colour in entries:
            corner = (self.x + x) / WIDTH, 1 - (self.y + self.h - 13) / self._height
            key = Rectangle(corner, 14 / WIDTH, 3 / self._height, facecolor=colour, transform=self.figure.transFigure)
            self.figure.add_artist(key)
            x += 19 + self.text(x + 19, self.h - 14, name, size=9.5) + 16

    def number(self, value: float) -> str:
        """A value as the panel writes it."""
        return units.text(value, self.panel.defaults.get("unit", "none"), self.panel.defaults.get("decimals"))

    def colour(self, name: str, index: int) -> str:
        """The colour of a series: its own, else the panel's, else the next of the palette."""
        fixed = self.panel.property_of(name, "color") or self.panel.defaults.get("color", {})
        if fixed.get("mode") != "fixed":
            return PALETTE[index % len(PALETTE)]
        wanted: str = fixed["fixedColor"]
        return COLOURS.get(wanted, wanted)

    def at_threshold(self, value: float) -> str:
        """The colour of a value by the panel's thresholds."""
        steps = self.panel.defaults["thresholds"]["steps"]
        return COLOURS[[step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]]

    def _box(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
        x, y = self.x + left, self.y + top
        w, h = self.w - left - right, self.h - top - bottom
        return x / WIDTH, 1 - (y + h) / self._height, w / WIDTH, h / self._height


def plot(canvas: Canvas, show: Show) -> Axes:
    """Axes over time, with a grid and room for a legend."""
    axes = canvas.axes(66, 36, 14, 52)
    axes.grid(axis="both", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    time_axis(axes, show, canvas.w)
    return axes


def time_axis(axes: Axes, show: Show, width: float) -> None:
    """Time from left to right, labelled where there is room; a label at the very edge would stand in the next panel."""
    span = show.end - show.start
    step = next((step for step in _STEPS if step >= span * 90 / width), _STEPS[-1])
    edge = span * 40 / width
    first = ceil((show.start + edge) / step) * step
    axes.set_xticks([when / DAY for when in range(first, int(show.end - edge), step)])
    axes.set_xlim(show.start / DAY, show.end / DAY)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda day, _: datetime.fromtimestamp(day * DAY, UTC).strftime("%H:%M:%S")))
