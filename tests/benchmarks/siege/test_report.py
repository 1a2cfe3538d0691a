"""What is held of a siege's figures, and what is said of what is not."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.siege.attack import Attack, together
from benchmarks.siege.report import FULL, Finding, Phase, judge, row, summary

QUIET = Phase(8.0, 30.0, 5.0, 0, 80.0, 15, 0.0)
NOISE = Attack("noise", 2, "Noise.", lambda me: None)


def found(**more: Any) -> Finding:
    held: dict[str, Any] = {"before": QUIET, "during": QUIET, "after": QUIET, "attack": NOISE}
    rest = {"most_resident_mib": 82.0, "sent": 1, "sessions_left": 0, "neighbour_lost": 0, "alive": True, "tracebacks": []}
    return Finding(**(held | rest | more))


def test_a_server_that_minds_nothing() -> None:
    assert judge(found(), FULL) == []


@pytest.mark.parametrize(
    ("more", "miss"),
    [
        ({"during": replace(QUIET, pace=6.3)}, "6.3 images/s of 8.0"),
        ({"during": replace(QUIET, health_p99_ms=251.0)}, "251 ms"),
        ({"during": replace(QUIET, health_unanswered=2)}, "did not answer 2 times"),
        ({"during": replace(QUIET, log_rate=20_480.0)}, "20 KiB/s"),
        ({"after": replace(QUIET, resident_mib=101.0)}, "80 to 101 MiB"),
        ({"after": replace(QUIET, descriptors=20)}, "15 to 20"),
        ({"after": replace(QUIET, pace=0.0)}, "afterwards"),
        ({"sessions_left": 3}, "3 sessions"),
        ({"neighbour_lost": 1}, "lost its connection"),
        ({"tracebacks": ["ValueError: no"]}, "ValueError: no"),
        ({"alive": False}, "the server ended"),
        ({"attack": replace(NOISE, door=True), "door": (0, 5)}, "none of 5 newcomers"),
    ],
)
def test_what_was_not_held_is_said(more: dict[str, Any], miss: str) -> None:
    (said,) = judge(found(**more), FULL)
    assert miss in said


def test_the_table_says_what_was_missed() -> None:
    missed = found(misses=["the server ended"])
    assert "! the server ended" in row(missed)
    assert "noise" in row(missed)
    assert "!" not in row(found())
    assert summary([found(), missed]) == "1 of 2 attacks were held"


def test_attacks_at_once_are_one_with_the_sockets_of_all() -> None:
    both = together([NOISE, replace(NOISE, name="hum", holds=True)])
    assert (both.name, both.clients, both.holds) == ("noise,hum", 1, True)
    assert "2 attacks at once" in row(found(attack=both))
