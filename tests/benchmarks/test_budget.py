"""The server's own cost of an image: read from the system as it tells it, and measured of a real server."""

import json
import os
from pathlib import Path

import pytest

from benchmarks import budget


def test_what_a_process_has_spent(tmp_path: Path) -> None:
    """All threads' time, the first one's, and the wake-ups of all; whatever the process is called."""
    stat = "{pid} (a (strange) name) S 1 2 3 4 5 6 7 8 9 10 {user} {system} 0 0 20"
    tasks = tmp_path / "7" / "task"
    for thread, user, woken in (("7", 300, 40), ("8", 500, 2)):
        (tasks / thread).mkdir(parents=True)
        (tasks / thread / "stat").write_text(stat.format(pid=thread, user=user, system=100))
        (tasks / thread / "status").write_text(f"Name:\tx\nvoluntary_ctxt_switches:\t{woken}\nnonvoluntary_ctxt_switches:\t9\n")
    (tmp_path / "7" / "stat").write_text(stat.format(pid=7, user=800, system=200))
    ticks = os.sysconf("SC_CLK_TCK")
    assert budget.spent(7, tmp_path) == budget.Spent(1000 / ticks, 400 / ticks, 42)


def test_the_share_of_the_lock() -> None:
    """Of all looks how many saw it held; more than all are all."""
    raw = "MainThread;run;tick 30\nThread;paint (engines/x.py:3) 20\n\n"
    assert budget.lock_share(raw, 200) == 0.25
    assert budget.lock_share(raw, 10) == 1.0
    assert budget.lock_share("", 10) == 0.0


def test_nobody_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without py-spy the lock's column is empty, and the others are not."""
    monkeypatch.setattr("benchmarks.budget.shutil.which", lambda *_, **__: None)
    assert budget.Spy(1, 1.0).share() is None


def test_a_real_server(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every load is answered; what is skipped costs less than what is painted."""
    monkeypatch.setattr("benchmarks.budget.shutil.which", lambda *_, **__: None)
    assert budget.main(["--student", "embedded", "--clients", "2", "--seconds", "1", "--json"]) == 0
    costs = {cost["load"]: cost for cost in json.loads(capsys.readouterr().out)}
    assert costs.keys() == budget._LOADS.keys()
    assert all(cost["processor_ms"] > 0 and cost["loop_ms"] > 0 and cost["woken"] > 0 for cost in costs.values())
    assert costs["still, filter"]["repeats"] > costs["moving, filter"]["repeats"]
    assert costs["moving, no filter"]["repeats"] == 0
