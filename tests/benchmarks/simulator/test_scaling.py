"""Autoscalers, and what they make of what they are shown."""

from pathlib import Path

import pytest
import yaml

from benchmarks.simulator import scaling
from benchmarks.simulator.scaling import Autoscaler, Day, Signals, by_demand, by_lag, live
from benchmarks.simulator.scenario import Scenario

QUIET, BUSY = Signals(demand=10.0, lag=0.0), Signals(demand=100.0, lag=1.0)
TRIGGERS = Path(__file__).parents[3] / "deploy" / "kubernetes" / "keda" / "scaling.yaml"


def test_as_many_as_are_asked_for() -> None:
    """A worker for so many images, and as many times the workers as the lag is too long; of both, the more."""
    assert Autoscaler([by_demand(25.0)], 1, 40).workers(0.0, BUSY, 3) == 4
    assert Autoscaler([by_lag(0.5)], 1, 40).workers(0.0, BUSY, 3) == 6
    assert Autoscaler([by_demand(25.0), by_lag(0.8)], 1, 40).workers(0.0, BUSY, 4) == 5


def test_not_too_many_at_once() -> None:
    """Twice as many in a minute, or two more where that is more."""
    assert Autoscaler([by_lag(0.01)], 1, 40).workers(0.0, BUSY, 3) == 6
    assert Autoscaler([by_lag(0.01)], 1, 40).workers(0.0, BUSY, 1) == 3
    scaler = Autoscaler([by_lag(0.01)], 1, 100)
    assert [scaler.workers(at, BUSY, there) for at, there in ((0.0, 3), (15.0, 6), (61.0, 6))] == [6, 6, 12]


def test_neither_too_many_nor_too_few() -> None:
    """The least and the most hold, and a tenth off the target is near enough."""
    assert Autoscaler([by_demand(1.0)], 1, 6).workers(0.0, BUSY, 5) == 6
    assert Autoscaler([by_lag(0.1)], 2, 40).workers(0.0, QUIET, 2) == 2
    assert Autoscaler([by_demand(10.5)], 1, 40).workers(0.0, BUSY, 10) == 10


def test_fewer_only_after_a_while() -> None:
    """What was wanted lately is still there, so that a lull sends nobody away."""
    scaler = Autoscaler([by_demand(10.0)], 1, 40, patience=60.0)
    assert scaler.workers(0.0, BUSY, 10) == 10
    assert scaler.workers(30.0, QUIET, 10) == 10
    assert scaler.workers(61.0, QUIET, 10) == 1


def test_workers_come_with_users() -> None:
    """Users come, a worker more is there when it has started, and afterwards all is painted."""
    few = Scenario(workers=1, costs={1: 0.5}, fps=1.0)
    moments = live(Day(few, [(0.0, 1), (15.0, 4)], seconds=105.0, start=20.0), [by_demand(1.4)])
    assert moments[0].ready == 1
    assert moments[-1].ready == 3
    assert moments[1].dropped > 0
    assert moments[-1].dropped == 0


def test_the_manifests_say_what_is_simulated() -> None:
    """Workers are asked for by the lag that was simulated, and by demand."""
    worker, _ = yaml.safe_load_all(TRIGGERS.read_text())
    targets = {trigger["name"]: float(trigger["metadata"]["threshold"]) for trigger in worker["spec"]["triggers"]}
    assert targets["live-lag"] == pytest.approx(scaling.LAG)
    assert "demand" in targets
    down = worker["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] == 300
