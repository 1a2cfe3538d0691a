"""A Prometheus of one's own: our configuration with its targets and its pace changed, and its HTTP API."""

import contextlib
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from ..serving import HOST, free_port, get

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "prometheus"
CONFIGURATION = FOLDER / "prometheus.yml"
ALERTS = FOLDER / "alerts.yml"
_PATIENCE = 30.0


class QueryError(Exception):
    """Prometheus did not take a query; the text is its own."""


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and its samples as (seconds since the epoch, value)."""

    labels: dict[str, str]
    samples: list[tuple[float, float]]


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that answers on this machine."""

    port: int

    def now(self, expr: str, at: float | None = None) -> list[Series]:
        """The value of each series at a time. Raises QueryError."""
        asked = {"query": expr} if at is None else {"query": expr, "time": str(at)}
        return [_series(found, [found["value"]]) for found in self._ask("query", asked)["result"]]

    def over(self, expr: str, start: float, end: float, step: float) -> list[Series]:
        """The values of each series from start to end. Raises QueryError."""
        asked = {"query": expr, "start": str(start), "end": str(end), "step": str(step)}
        return [_series(found, found["values"]) for found in self._ask("query_range", asked)["result"]]

    def label_values(self, selector: str, label: str) -> list[str]:
        """Values of a label among the series of a selector."""
        return [str(value) for value in self._ask(f"label/{label}/values", {"match[]": selector})]

    def complaint(self) -> str | None:
        """Why the target could not be read at the last look; None if it could."""
        known = self._ask("targets", {})["activeTargets"]
        reasons = [target["lastError"] or "it was not read yet" for target in known if target["health"] != "up"]
        return ", ".join(reasons) or (None if known else "it is not known yet")

    def _ask(self, what: str, parameters: dict[str, str]) -> Any:
        status, text = get(self.port, f"/api/v1/{what}?{urlencode(parameters)}")
        answer = json.loads(text) if text.startswith("{") else {}
        if answer.get("status") != "success":
            raise QueryError(f"{answer.get('error') or f'HTTP {status}'}: {parameters.get('query', what)}")
        return answer["data"]


def _series(found: dict[str, Any], samples: list[list[Any]]) -> Series:
    return Series(found["metric"], [(float(when), float(value)) for when, value in samples])


def alerts() -> dict[str, dict[str, Any]]:
    """Our alerts by name."""
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def missing_tools() -> list[str]:
    """Which of Prometheus' two programs this machine lacks."""
    return [name for name in ("prometheus", "promtool") if shutil.which(name) is None]


def configure(folder: Path, targets: Sequence[str], pace: str) -> Path:
    """Our configuration in a folder, reading these targets at a pace."""
    configuration = yaml.safe_load(CONFIGURATION.read_text())
    configuration["global"] = {"scrape_interval": pace, "evaluation_interval": pace}
    for job in configuration["scrape_configs"]:
        job["static_configs"] = [{"targets": list(targets)}]
        job.pop("dns_sd_configs", None)
    shutil.copy(ALERTS, folder)
    path = folder / CONFIGURATION.name
    path.write_text(yaml.safe_dump(configuration))
    return path


@contextlib.contextmanager
def prometheus(folder: Path, targets: Sequence[str], pace: str = "1s") -> Iterator[Prometheus]:
    """Run one on a free port for as long as the block lasts; each target has been read once when the block begins."""
    port = free_port()
    command = [
        "prometheus", f"--config.file={configure(folder, targets, pace)}", f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}", "--log.level=warn",
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        found = Prometheus(port)
        _await_target(found, process, folder / "log")
        yield found
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _await_target(found: Prometheus, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    why: str | None = "it did not start"
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(QueryError):
            if (why := found.complaint()) is None:
                return
        time.sleep(0.1)
    raise RuntimeError(f"prometheus did not read its target: {why}\n{log.read_text()[-2000:]}")
