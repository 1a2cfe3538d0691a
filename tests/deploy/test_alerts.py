"""The alerts: rules that Prometheus takes, seen to fire, and explained to whoever is woken by them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks.rehearsal.prometheus import ALERTS, CONFIGURATION, alerts, missing_tools

HERE = Path(__file__).parent
OPERATING = HERE.parent.parent / "docs" / "operating.md"
RULES = alerts()
CASES = HERE / "alerts.yml"
needs_promtool = pytest.mark.skipif("promtool" in missing_tools(), reason="Debian's package prometheus is not installed")


def promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=60)


@needs_promtool
def test_prometheus_takes_the_configuration_and_its_rules() -> None:
    checked = promtool("check", "config", "--lint=all", "--lint-fatal", str(CONFIGURATION))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    checked = promtool("test", "rules", str(CASES))
    assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_promtool
@pytest.mark.parametrize("name", RULES)
def test_the_cases_notice_when_an_alert_never_fires(name: str, tmp_path: Path) -> None:
    groups = yaml.safe_load(ALERTS.read_text())
    (rule,) = (rule for group in groups["groups"] for rule in group["rules"] if rule.get("alert") == name)
    rule["expr"] = "vector(1) > 2"
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(groups))
    shutil.copy(CASES, tmp_path / "cases.yml")
    cases = tmp_path / "cases.yml"
    cases.write_text(cases.read_text().replace("../../deploy/prometheus/alerts.yml", "alerts.yml"))
    assert promtool("test", "rules", str(cases)).returncode != 0


@pytest.mark.parametrize("name", RULES)
def test_each_alert_says_how_bad_it_is_and_where_help_is(name: str) -> None:
    rule = RULES[name]
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["runbook"] == f"docs/operating.md#{name.lower()}"
    assert re.search(rf"^### {name}$", OPERATING.read_text(), re.MULTILINE)
