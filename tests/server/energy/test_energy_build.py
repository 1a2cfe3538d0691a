"""Energy as a whole, over machines that do not exist."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from server.energy import Spent, build_energy
from server.energy.discover import Found, find_meters

from .conftest import FakeMeter


def test_with_a_meter(caplog: pytest.LogCaptureFixture) -> None:
    """What is metered and what is not is logged once, and what the meter counts comes out as a series."""
    meter, asked = FakeMeter("gpu0"), []

    def find(*args: Any) -> Found:
        asked.append(args)
        return Found((meter,), ("rapl: no energy counters here",))

    with caplog.at_level(logging.INFO):
        energy = build_energy(watts=65.0, gpus=["GPU-0"], find=find)
    assert asked == [(energy.ledger.busy, 65.0, ["GPU-0"])]
    assert [record.getMessage() for record in caplog.records] == [
        "energy: metering gpu0 (nvml)",
        "energy: not metered: rapl: no energy counters here",
    ]
    registry = CollectorRegistry()
    registry.register(energy.collector)
    meter.microjoules = 5_000_000
    energy.sampler.sample()
    assert registry.get_sample_value("allaprima_energy_joules_total", {"device": "gpu0", "meter": "nvml"}) == 5


def test_off() -> None:
    """Off, no meter is looked for, and every part is there and says nothing."""

    def find(*_: Any) -> Found:
        raise AssertionError("looked for meters")

    energy = build_energy(on=False, find=find)
    energy.sampler.start()
    with energy.ledger.tick("s", ["a"]):
        pass
    energy.sampler.stop()
    assert energy.ledger.estimate(1.0) is None
    assert energy.ledger.readings() == []


def test_the_model_counts_ticks(tmp_path: Path) -> None:
    """Where watts are stated and nothing is metered, seconds of ticks become joules, and answers say by what."""
    energy = build_energy(watts=1000.0, gpus=[], find=partial(find_meters, powercap=tmp_path))
    with energy.ledger.tick("s", ["a"]) as tick:
        tick.images = 1
    energy.sampler.sample()
    [reading] = energy.ledger.readings()
    assert reading.joules == pytest.approx(1000 * energy.ledger.busy(), abs=2e-6)
    assert reading.joules > 0
    assert energy.ledger.estimate(2.0) == Spent(pytest.approx(2000, rel=0.1), "model", pytest.approx(2000, rel=0.1))
