"""The operator's page: it leaves out no dashboard, setting or reason, and its links lead somewhere."""

import re
from pathlib import Path

import pytest
import yaml

from benchmarks.rehearsal.boards import boards
from server.types import Refusal

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "operating.md"
TEXT = PAGE.read_text()
WORDS = " ".join(TEXT.split())
HEADINGS = [line.lstrip("# ") for line in TEXT.splitlines() if line.startswith("#")]
LINKS = [target for target in re.findall(r"\]\(([^)\s]+)\)", TEXT) if not target.startswith("http")]


@pytest.mark.parametrize("link", LINKS)
def test_a_link_leads_somewhere(link: str) -> None:
    path, _, anchor = link.partition("#")
    assert (PAGE.parent / path).exists()
    assert not anchor or anchor in [re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in HEADINGS]


def test_every_dashboard_is_shown() -> None:
    assert {f"dashboards/{board.name}.png" for board in boards()} == {link for link in LINKS if link.endswith(".png")}


def test_every_panel_that_is_named_is_on_a_dashboard() -> None:
    titles = {panel.title for board in boards() for panel in board.panels}
    named = {" ".join(name.split()).rstrip(".") for name in re.findall(r"(?<!\*)\*([A-Z][^*]+)\*(?!\*)", TEXT)}
    assert named - titles == {"Critical", "Warning", "Errors and refusals", "Latency by stage"}


def test_every_reason_to_turn_somebody_away_is_explained() -> None:
    explained = {reason for row in re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE) for reason in re.findall(r"`(\w+)`", row)}
    assert explained == set(Refusal)


def test_the_settings_that_compose_passes_on_are_listed() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    (listed,) = re.findall(r"passes on from the shell or from a file `\.env`: ([^.]*)\.", WORDS)
    assert set(re.findall(r"`(\w+)`", listed)) == services["server-cpu"]["environment"].keys()
