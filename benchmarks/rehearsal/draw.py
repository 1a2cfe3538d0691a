"""Draw a dashboard from its own JSON: the same queries, layout, titles, units and colours that Grafana is given.

Not Grafana, and not its every option: enough that the pictures in docs/ show what the dashboards show, and cannot drift
from them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .boards import Board
from .canvas import BACKGROUND, CELL, DIM, DPI, GAP, HEADER, TEXT, WIDTH, Canvas
from .panels import DRAWERS
from .show import Show

_STYLE: Any = {
    "font.family": ["Inter", "DejaVu Sans"], "font.size": 10, "text.color": TEXT, "xtick.color": DIM, "ytick.color": DIM,
}  # fmt: skip


def draw(board: Board, show: Show, path: Path) -> None:
    """Draw a dashboard into a PNG file, which says what it was drawn from: so that a test can tell when it is outdated."""
    rows = max(panel.json["gridPos"]["y"] + panel.json["gridPos"]["h"] for panel in board.panels)
    height = HEADER + rows * CELL + GAP
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(WIDTH / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
        FigureCanvasAgg(figure)
        _header(figure, board, show, height)
        for panel in board.panels:
            canvas = Canvas(figure, panel, height)
            canvas.frame()
            DRAWERS[panel.kind](canvas, board, show)
        figure.savefig(path, dpi=DPI, facecolor=BACKGROUND, metadata={"Dashboard": board.looks()})


def _header(figure: Figure, board: Board, show: Show, height: int) -> None:
    begin, end = (datetime.fromtimestamp(when, UTC).strftime("%H:%M:%S") for when in (show.start, show.end))
    chosen = [f"{v['label']}: {_chosen(v)}" for name, v in board.variables.items() if name != "datasource"]
    middle = 1 - HEADER / 2 / height
    figure.text(16 / WIDTH, middle, board.title, size=16, weight="bold", va="center")
    figure.text(0.5, middle, "      ".join(chosen), size=11, color=DIM, ha="center", va="center")
    figure.text(1 - 16 / WIDTH, middle, f"{begin} to {end} UTC", size=11, color=DIM, ha="right", va="center")


def _chosen(variable: Mapping[str, Any]) -> str:
    shown = variable["current"]["text"]
    return str(shown[0] if isinstance(shown, list) else shown)
