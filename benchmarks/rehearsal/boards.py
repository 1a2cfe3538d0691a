"""The dashboards as they lie in deploy/grafana, read and with their variables filled in. Asks nobody."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "grafana" / "dashboards"
_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}")


@dataclass(frozen=True)
class Target:
    """One query of a panel."""

    ref: str
    expr: str
    legend: str
    instant: bool
    heatmap: bool


@dataclass(frozen=True)
class Panel:
    """A panel: its JSON, and what is read from it most."""

    board: str
    json: Mapping[str, Any]

    @property
    def title(self) -> str:
        return str(self.json["title"])

    @property
    def kind(self) -> str:
        return str(self.json["type"])

    @property
    def defaults(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.json["fieldConfig"]["defaults"]
        return found

    @property
    def targets(self) -> list[Target]:
        return [
            Target(t["refId"], t["expr"], t["legendFormat"], bool(t["instant"]), t.get("format") == "heatmap")
            for t in self.json["targets"]
        ]

    def property_of(self, series: str, name: str) -> Any:
        """What an override gives a series by its name, or None."""
        for override in self.json["fieldConfig"]["overrides"]:
            if override["matcher"] == {"id": "byName", "options": series}:
                for found in override["properties"]:
                    if found["id"] == name:
                        return found["value"]
        return None


@dataclass(frozen=True)
class Board:
    """A dashboard: its file's name without suffix, its JSON, its panels."""

    name: str
    json: Mapping[str, Any]

    @property
    def title(self) -> str:
        return str(self.json["title"])

    @property
    def panels(self) -> list[Panel]:
        return [Panel(self.name, panel) for panel in self.json["panels"]]

    @property
    def variables(self) -> Mapping[str, Mapping[str, Any]]:
        return {variable["name"]: variable for variable in self.json["templating"]["list"]}

    def looks(self) -> str:
        """A digest of all that a picture shows: not of descriptions."""
        shown = [{key: value for key, value in panel.items() if key != "description"} for panel in self.json["panels"]]
        return hashlib.sha256(json.dumps([self.title, shown], sort_keys=True).encode()).hexdigest()[:16]

    def values(self) -> dict[str, str]:
        """What the variables are when the dashboard is opened: everything is shown."""
        return {name: v.get("allValue") or str(v["current"].get("value", "")) for name, v in self.variables.items()}


def boards(folder: Path = FOLDER) -> Iterator[Board]:
    """Every dashboard, by name."""
    for file in sorted(folder.glob("*.json")):
        yield Board(file.stem, json.loads(file.read_text()))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of `$name` and `${name}`. Raises KeyError for a variable without one."""
    return _VARIABLE.sub(lambda found: values[found[1] or found[2]], text)


def legend(template: str, labels: Mapping[str, str]) -> str:
    """A series' name by its legend, as Grafana writes it."""
    return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), template)
