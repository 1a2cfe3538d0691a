"""Machines that do not exist: a clock, a tree of powercap files, a driver, and a meter that does as it is told."""

from pathlib import Path

import pytest

from server.energy.meter import MeterKind, MeterLost, MeterName

RANGE = 262_143_328_850
"""Microjoules at which a real server's counter wraps around."""


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Powercap:
    """Writes the files that the kernel shows, flat as under /sys/class/powercap."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def zone(self, zone: str, name: str, counter: int = 0, limit: int = RANGE) -> None:
        folder = self.root / zone
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text(f"{limit}\n")
        self.show(zone, counter)

    def show(self, zone: str, counter: int) -> None:
        (self.root / zone / "energy_uj").write_text(f"{counter}\n")

    def remove(self, zone: str) -> None:
        (self.root / zone / "energy_uj").unlink()


class NvmlError(Exception):
    pass


class FakeNvml:
    """The driver's functions over a list of counters in millijoules; an exception in place of a counter is raised."""

    NVMLError = NvmlError

    def __init__(self, *counters: int | Exception, init: Exception | None = None) -> None:
        self.counters = list(counters)
        self.uuids = [f"GPU-{index}" for index in range(len(counters))]
        self.buses = [f"00000000:{index:02x}:00.0" for index in range(len(counters))]
        self._init = init

    def nvmlInit(self) -> None:
        if self._init:
            raise self._init

    def nvmlDeviceGetCount(self) -> int:
        return len(self.counters)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        if index >= len(self.counters):
            raise NvmlError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return self._look_up(uuid, self.uuids)

    def nvmlDeviceGetHandleByPciBusId(self, pciBusId: str) -> int:
        return self._look_up(pciBusId, self.buses)

    def _look_up(self, name: str, names: list[str]) -> int:
        if name not in names:
            raise NvmlError("Not Found")
        return names.index(name)

    def nvmlDeviceGetIndex(self, handle: int) -> int:
        return handle

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:
        counter = self.counters[handle]
        if isinstance(counter, Exception):
            raise counter
        return counter


class FakeMeter:
    """Shows the microjoules it was told to, until it is told to fail."""

    def __init__(self, device: str = "gpu0", kind: MeterKind = "nvml") -> None:
        self.name = MeterName(device, kind)
        self.microjoules = 0
        self.failure: Exception | None = None

    def lose(self, reason: str = "fallen off the bus") -> None:
        self.failure = MeterLost(reason)

    def read(self) -> int:
        if self.failure:
            raise self.failure
        return self.microjoules


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still; set `now`, in seconds."""
    return Clock()


@pytest.fixture
def powercap(tmp_path: Path) -> Powercap:
    """An empty powercap tree; `zone` adds to it, `show` moves a counter."""
    return Powercap(tmp_path)
