"""Every query of every dashboard and alert, asked of a real Prometheus that reads a real server under load."""

import re
from typing import TYPE_CHECKING

import pytest

from benchmarks.rehearsal.boards import Board, Panel, boards, fill
from benchmarks.rehearsal.prometheus import alerts

if TYPE_CHECKING:
    from .conftest import Rehearsal

BOARDS = list(boards())
PANELS = [pytest.param(board, panel, id=f"{board.name}-{panel.title}") for board in BOARDS for panel in board.panels]
VARIABLES = [
    pytest.param(board, name, id=f"{board.name}-{name}")
    for board in BOARDS
    for name, variable in board.variables.items()
    if variable["type"] == "query"
]
RULES = alerts()


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_each_query_of_a_panel_has_something_to_show(board: Board, panel: Panel, rehearsal: "Rehearsal") -> None:
    for target in panel.targets:
        assert rehearsal.samples(board, target), target.expr


@pytest.mark.parametrize(("board", "name"), VARIABLES)
def test_each_variable_offers_a_choice(board: Board, name: str, rehearsal: "Rehearsal") -> None:
    query = board.variables[name]["query"]["query"]
    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()  # type: ignore[union-attr]
    assert rehearsal.prometheus.label_values(selector, label)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_the_marks_of_alerts_on_a_dashboard_can_be_asked_for(board: Board, rehearsal: "Rehearsal") -> None:
    (mark,) = (mark["target"] for mark in board.json["annotations"]["list"] if "target" in mark)
    rehearsal.prometheus.now(fill(mark["expr"], board.values()))
    assert rehearsal.prometheus.now("ALERTS"), "no alert was pending, so that the marks were not tried"


@pytest.mark.parametrize("outcome", ["image", "repeat", "dropped_newer", "dropped_late", "refused", "failed"])
def test_the_rehearsal_had_every_outcome(outcome: str, rehearsal: "Rehearsal") -> None:
    (series,) = rehearsal.prometheus.now(f'sum(allaprima_frames_total{{outcome="{outcome}"}})')
    assert series.samples[-1][1] > 0


@pytest.mark.parametrize("reason", ["full", "bad_request"])
def test_the_rehearsal_turned_people_away(reason: str, rehearsal: "Rehearsal") -> None:
    (series,) = rehearsal.prometheus.now(f'sum(allaprima_refusals_total{{reason="{reason}"}})')
    assert series.samples[-1][1] > 0


def test_the_overview_counts_what_the_server_counts(rehearsal: "Rehearsal") -> None:
    painted = rehearsal.prometheus.now('sum(allaprima_frames_total{outcome="image"})')
    by_api = rehearsal.prometheus.now("sum(allaprima_images_total)")
    assert painted[0].samples[0][1] == by_api[0].samples[0][1]


@pytest.mark.parametrize("name", RULES)
def test_every_series_of_an_alert_is_there(name: str, rehearsal: "Rehearsal") -> None:
    expr = RULES[name]["expr"]
    rehearsal.prometheus.now(expr)
    for selector in re.findall(r"(?:allaprima_\w+|allaprima:\w+|process_\w+|\bup\b)(?:\{[^}]*\})?", expr):
        assert rehearsal.prometheus.now(selector), selector


@pytest.mark.parametrize(
    ("name", "bad"),
    [("AllaprimaFailing", True), ("AllaprimaRefusing", True), ("AllaprimaDown", False), ("AllaprimaNoImages", False)],
)
def test_an_alert_sees_what_went_on(name: str, bad: bool, rehearsal: "Rehearsal") -> None:
    assert bool(rehearsal.prometheus.now(RULES[name]["expr"], rehearsal.end)) is bad
