"""The siege itself: a real server, a neighbour and watchers, hostile clients in processes of their own, and an end."""

import pytest

from benchmarks.siege import run
from benchmarks.siege.attack import all_attacks
from benchmarks.siege.report import Limits

QUICK = run.Plan(before=0.6, during=0.6, after=0.6, patience=30.0, clients=2, rate=1e5, limits=run.SHORTLY.limits)


def test_an_attack_that_is_held() -> None:
    """Its figures are there for before, during and after, and nothing is left."""
    (finding,) = run.besiege([all_attacks()["huge_headers"]], QUICK)
    assert finding.misses == []
    assert min(phase.pace for phase in (finding.before, finding.during, finding.after)) > 0
    assert finding.during.health_p99_ms > 0
    assert finding.most_resident_mib > 20
    assert finding.before.descriptors > 5
    assert 0 < finding.sent <= 2 * 1e5 * 2


def test_what_is_not_held_is_found_and_ends_the_server() -> None:
    """With limits that nobody can keep each attack has a server of its own, and each misses."""
    attacks = [all_attacks()[name] for name in ("huge_headers", "connections_come_and_go")]
    strict = run.Plan(before=0.6, during=0.6, after=0.1, patience=0.1, clients=1, rate=1e5, limits=Limits(pace=50.0))
    findings = list(run.besiege(attacks, strict))
    assert [finding.attack.name for finding in findings] == ["huge_headers", "connections_come_and_go"]
    assert all("images/s" in finding.misses[0] for finding in findings)


def test_the_list_names_attacks_and_trials(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["--list", "--group", "3,7"]) == 0
    said = capsys.readouterr().out
    assert "joins_and_leaves" in said
    assert "stopped_while_starting" in said
    assert "pings" not in said


def test_the_short_form_makes_all_of_one_aim_at_once() -> None:
    """Each attack once, with those that want the same server."""
    attacks = all_attacks()
    at_once = run.at_once(list(attacks.values()))
    assert sorted(name for one in at_once for name in one.name.split(",")) == sorted(attacks)
    assert len(at_once) <= 12
