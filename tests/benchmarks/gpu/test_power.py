"""Watts of a counter that is brought up to date now and then."""

import sys
import time
from types import SimpleNamespace

import pytest

from benchmarks.gpu import power
from benchmarks.gpu.power import PowerTrace, find_meter, watts
from server.energy.meter import MeterLost, MeterName


def test_watts() -> None:
    """Power is that between the counter's first step and its last, whenever the window began and ended."""
    samples = [(0.00, 0), (0.01, 0), (0.05, 10), (0.10, 10), (0.15, 40), (0.25, 70), (0.9, 70)]
    assert watts([(at, 1_000_000 * joules) for at, joules in samples]) == pytest.approx(60.0 / 0.2)


@pytest.mark.parametrize("samples", [[], [(0.0, 1)], [(0.0, 1), (1.0, 1)], [(0.0, 1), (1.0, 2), (2.0, 2)]])
def test_a_counter_that_hardly_steps(samples: list[tuple[float, int]]) -> None:
    """One step says nothing of power."""
    assert watts(samples) is None


class Counter:
    """A device that uses 100 W."""

    name = MeterName("gpu0", "nvml")

    def __init__(self, fails: bool = False) -> None:
        self._began, self._fails, self.reads = time.perf_counter(), fails, 0

    def read(self) -> int:
        self.reads += 1
        if self._fails and self.reads > 2:
            raise MeterLost("gone")
        return int(100e6 * (time.perf_counter() - self._began))

    def await_reads(self, count: int) -> None:
        end = time.monotonic() + 30
        while self.reads < count and time.monotonic() < end:
            time.sleep(0.005)


def test_a_trace() -> None:
    """While it is entered the meter is read, and afterwards there are watts."""
    meter = Counter()
    with PowerTrace(meter) as trace:
        meter.await_reads(20)
    reads = meter.reads
    assert trace.watts == pytest.approx(100.0, rel=0.5)  # a clock is read twice for each sample, on a machine that may be busy
    time.sleep(0.05)
    assert meter.reads == reads


def test_a_meter_that_is_lost() -> None:
    """What cannot be read to the end is no measurement."""
    meter = Counter(fails=True)
    with PowerTrace(meter) as trace:
        meter.await_reads(3)
    assert trace.watts is None


def test_no_meter() -> None:
    """Without a meter there are no watts, and not zero."""
    with PowerTrace(None) as trace:
        pass
    assert trace.watts is None


def test_the_gpus_own_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meter is NVML's of the GPU that CUDA calls the first, in microjoules since it was made."""
    asked: list[str] = []
    counter = iter([5_000, 5_250])

    def by_bus(bus: str) -> str:
        asked.append(bus)
        return "handle"

    nvml = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByPciBusId=by_bus,
        nvmlDeviceGetIndex=lambda handle: 3,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(counter),
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(power, "pci_bus_id", lambda number: "0000:65:00.0")
    meter, why = find_meter("cuda")
    assert meter is not None
    assert (why, asked, meter.name.device) == ("", ["0000:65:00.0"], "gpu3")
    assert meter.read() == 250_000


def test_no_counter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, the reason is given."""
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setattr(power, "pci_bus_id", lambda number: None)
    assert find_meter("cuda") == (None, "nvml: nvidia-ml-py is not installed")
    assert find_meter("cpu") == (None, "nothing runs on a GPU")
