"""The short form of the siege: all attacks of one aim at once, and everybody is served at all; and each trial."""

import pytest

from benchmarks.siege import run
from benchmarks.siege.attack import Attack, all_attacks
from benchmarks.siege.report import row
from benchmarks.siege.trial import Trial, all_trials


def _name(attack: Attack) -> str:
    return " ".join([f"group {attack.group}", *attack.flags[:1], *(["few descriptors"] if attack.descriptors else [])])


@pytest.mark.parametrize("attack", run.at_once(list(all_attacks().values())), ids=_name)
def test_attacks_of_one_aim(attack: Attack) -> None:
    (finding,) = run.besiege([attack], run.SHORTLY)
    assert finding.misses == [], row(finding)


@pytest.mark.parametrize("trial", all_trials().values(), ids=lambda trial: trial.name)
def test_trials(trial: Trial) -> None:
    assert trial.run(run.SLACK) == []
