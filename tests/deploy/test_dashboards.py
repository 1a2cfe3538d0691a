"""The dashboards as files: what Grafana takes, and what a person can read."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest
import yaml

from benchmarks.rehearsal.boards import FOLDER, Board, Panel, boards
from benchmarks.rehearsal.prometheus import ALERTS
from server.instruments import GROUPS

BOARDS = list(boards())
PANELS = [pytest.param(panel, id=f"{board.name}-{panel.title}") for board in BOARDS for panel in board.panels]
INSTRUMENTS = [instrument for group in GROUPS.values() for instrument in group]
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
ONE_SCREEN = 24
"""Rows of Grafana's grid that fit on a screen of 1080 lines."""
every_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
every_panel = pytest.mark.parametrize("panel", PANELS)


def asked_for() -> set[str]:
    """Names of series in dashboards and alerts."""
    text = ALERTS.read_text() + "".join(file.read_text() for file in FOLDER.glob("*.json"))
    return set(re.findall(r"\b(?:allaprima|process)_\w+", text))


def panel_of(parameters: Any) -> Panel:
    panel: Panel = parameters.values[0]
    return panel


def named_by_labels(panel: Panel) -> bool:
    return any("{{" in target.legend for target in panel.targets)


def cells(panel: Panel) -> set[tuple[int, int]]:
    place = panel.json["gridPos"]
    return {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}


def test_there_is_a_dashboard_for_each_question() -> None:
    assert [board.name for board in BOARDS] == ["batching", "energy", "errors", "latency", "overview", "process", "queue"]


def test_no_two_dashboards_have_the_same_uid_or_title() -> None:
    assert len({board.json["uid"] for board in BOARDS}) == len({board.title for board in BOARDS}) == len(BOARDS)


@every_board
def test_no_two_panels_of_a_dashboard_have_the_same_id(board: Board) -> None:
    assert len({panel.json["id"] for panel in board.panels}) == len(board.panels)


@every_board
def test_panels_do_not_overlap_and_leave_no_hole(board: Board) -> None:
    for one, other in combinations(board.panels, 2):
        assert not cells(one) & cells(other), (one.title, other.title)
    taken = set().union(*map(cells, board.panels))
    assert taken == {(x, y) for x in range(COLUMNS) for y in range(1 + max(y for _, y in taken))}


@every_board
def test_a_dashboard_fits_on_one_screen(board: Board) -> None:
    assert max(y for panel in board.panels for _, y in cells(panel)) < ONE_SCREEN


@every_board
def test_every_dashboard_links_to_the_others(board: Board) -> None:
    (link,) = board.json["links"]
    assert link["type"] == "dashboards"
    assert link["tags"] == board.json["tags"] == ["allaprima"]


@every_board
def test_the_student_and_the_server_can_be_chosen(board: Board) -> None:
    assert board.variables["datasource"]["query"] == "prometheus"
    assert "instance" in board.variables
    assert "student" in board.variables or not any("student=" in target.expr for p in board.panels for target in p.targets)
    assert all(v["datasource"] == SOURCE for v in board.variables.values() if v["type"] == "query")


@every_panel
def test_every_panel_asks_the_prometheus_that_was_chosen(panel: Panel) -> None:
    assert panel.json["datasource"] == SOURCE
    assert all(target["datasource"] == SOURCE for target in panel.json["targets"])


@every_panel
def test_every_panel_says_what_it_shows(panel: Panel) -> None:
    assert panel.json["description"].endswith(".")


@pytest.mark.parametrize("panel", [p for p in PANELS if panel_of(p).kind not in ("table", "state-timeline")])
def test_every_number_has_a_unit(panel: Panel) -> None:
    assert panel.defaults.get("unit") or panel.json["options"]["yAxis"]["unit"]


@every_panel
def test_no_two_queries_of_a_panel_have_the_same_name(panel: Panel) -> None:
    assert len({target.ref for target in panel.targets}) == len(panel.targets) > 0


@pytest.mark.parametrize("panel", [p for p in PANELS if panel_of(p).kind != "table" and not named_by_labels(panel_of(p))])
def test_a_colour_is_given_only_to_what_a_query_names(panel: Panel) -> None:
    coloured = {override["matcher"]["options"] for override in panel.json["fieldConfig"]["overrides"]}
    assert coloured <= {target.legend for target in panel.targets}


MARKS = ("titleFormat", "textFormat", "target.refId", "target.expr", "target.interval")
"""What an annotation from Prometheus has beyond other annotations: Grafana's types leave that open."""


def test_every_series_that_is_asked_for_is_one_the_server_declares() -> None:
    suffixes = {"histogram": ("_bucket", "_sum", "_count")}
    declared = {f"{one.name}{suffix}" for one in INSTRUMENTS for suffix in suffixes.get(one.kind, ("",))}
    assert asked_for() <= declared


def test_every_series_of_the_server_can_be_seen() -> None:
    unseen = [one.name for one in INSTRUMENTS if not any(name.startswith(one.name) for name in asked_for())]
    # it counts files mapped into memory, and says nothing of a server's health
    assert unseen == ["process_virtual_memory_bytes"]


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value inside nested lists and dicts, with where it is."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in inside:
        yield from leaves(part, f"{path}.{key}")
    if not inside:
        yield path, value


@every_board
def test_grafanas_own_types_know_everything_that_is_written(board: Board) -> None:
    encoder = pytest.importorskip("grafana_foundation_sdk.cog.encoder", reason="grafana-foundation-sdk is not installed")
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    read_back = json.loads(encoder.JSONEncoder().encode(Dashboard.from_json(dict(board.json))))
    known = dict(leaves(read_back))
    lost = [path for path, value in leaves(board.json) if path not in known or known[path] != value]
    assert [path for path in lost if not (path.startswith(".annotations") and path.endswith(MARKS))] == []


def test_grafana_is_told_where_the_dashboards_and_prometheus_are() -> None:
    provisioning = FOLDER.parent / "provisioning"
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "allaprima.yml").read_text())["providers"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
