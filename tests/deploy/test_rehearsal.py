"""What draws the dashboards: their variables, their units, and the pictures in docs/."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from deploy.rehearsal import units
from deploy.rehearsal.boards import Board, boards, fill, legend

if TYPE_CHECKING:
    from .conftest import Rehearsal

PICTURES = Path(__file__).parent.parent.parent / "docs" / "dashboards"
every_board = pytest.mark.parametrize("board", list(boards()), ids=lambda board: board.name)


def test_variables_are_filled_in_however_they_are_written() -> None:
    assert fill('a{b="$c", d=~"${e}"}[${f:raw}]', {"c": "1", "e": ".*", "f": "5s"}) == 'a{b="1", d=~".*"}[5s]'


def test_a_variable_without_a_value_is_not_passed_over() -> None:
    with pytest.raises(KeyError, match="nobody"):
        fill("rate(a[$nobody])", {})


def test_a_legend_takes_its_words_from_labels() -> None:
    assert legend("{{device}} ({{ meter }}{{none}})", {"device": "gpu0", "meter": "nvml"}) == "gpu0 (nvml)"


@pytest.mark.parametrize(
    ("value", "unit", "decimals", "shown"),
    [
        (0.0123, "s", None, "12.3 ms"),
        (0.4874, "s", 2, "487 ms"),
        (90.0, "s", None, "1.5 min"),
        (0.0, "s", None, "0 s"),
        (0.256, "percentunit", 0, "26%"),
        (7.6, "suffix:/s", 1, "7.6/s"),
        (1234.0, "watth", 2, "1.23 kWh"),
        (0.35, "joule", 2, "350 mJ"),
        (1_234_567.0, "short", None, "1.23 M"),
        (600 * 2**20, "bytes", None, "600 MiB"),
        (3.0, "none", None, "3"),
    ],
)
def test_numbers_are_written_with_their_unit(value: float, unit: str, decimals: int | None, shown: str) -> None:
    assert units.text(value, unit, decimals) == shown


@every_board
def test_a_dashboard_can_be_drawn(board: Board, rehearsal: "Rehearsal", tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib, which draws, is not installed")
    from deploy.rehearsal.draw import draw
    from deploy.rehearsal.show import Show

    path = tmp_path / "picture.png"
    draw(board, Show(rehearsal.prometheus, rehearsal.start, rehearsal.end, 1.0, "5s"), path)
    with Image.open(path) as picture:
        assert picture.text["Dashboard"] == board.looks()  # type: ignore[attr-defined]
        # title, curve and key of a panel, and not one flat colour
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 200


@every_board
def test_the_picture_in_the_docs_shows_the_dashboard_as_it_is(board: Board) -> None:
    with Image.open(PICTURES / f"{board.name}.png") as picture:
        assert picture.text["Dashboard"] == board.looks(), "draw it again: python -m deploy.rehearsal --watts 35"  # type: ignore[attr-defined]
