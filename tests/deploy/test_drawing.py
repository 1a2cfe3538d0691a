"""The dashboards are drawn from what a Prometheus holds, and the pictures in docs/ show them as they are."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from benchmarks.rehearsal.boards import Board, boards

if TYPE_CHECKING:
    from .conftest import Rehearsal

PICTURES = Path(__file__).parent.parent.parent / "docs" / "dashboards"
every_board = pytest.mark.parametrize("board", list(boards()), ids=lambda board: board.name)


@every_board
def test_a_dashboard_can_be_drawn(board: Board, rehearsal: "Rehearsal", tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, which draws, is not installed")
    from benchmarks.rehearsal.draw import draw
    from benchmarks.rehearsal.show import Show

    path = tmp_path / "picture.png"
    draw(board, Show(rehearsal.prometheus, rehearsal.start, rehearsal.end, 1.0, "5s"), path)
    with Image.open(path) as picture:
        assert picture.text["Dashboard"] == board.looks()  # type: ignore[attr-defined]
        # title, curve and key of a panel, and not one flat colour
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 200


@every_board
def test_the_picture_in_the_docs_shows_the_dashboard_as_it_is(board: Board) -> None:
    with Image.open(PICTURES / f"{board.name}.png") as picture:
        assert picture.text["Dashboard"] == board.looks(), "draw it again: python -m benchmarks.rehearsal --watts 35"  # type: ignore[attr-defined]
