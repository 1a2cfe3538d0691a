"""What a GPU uses while something runs: its own energy counter, looked at often.

python -m benchmarks.gpu.power     # is there one, and does it count? A second of watts, or why there are none
"""

import sys
import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import Self

from server.energy.cuda import pci_bus_id
from server.energy.meter import Meter, MeterLost
from server.energy.nvml import find_nvml

_EVERY = 0.01
"""Seconds between two looks; the driver brings the counter up to date every 20 to 100 ms."""


def find_meter(device: str) -> tuple[Meter | None, str]:
    """The counter of the first GPU, or None, and why there is none."""
    if device == "cpu":
        return None, "nothing runs on a GPU"
    bus = pci_bus_id(0)
    meters, reasons = find_nvml(None if bus is None else [bus])
    return (meters[0], "") if meters else (None, "; ".join(reasons))


class PowerTrace:
    """Looks at a meter while it is entered; `watts` afterwards. Without a meter there are none."""

    def __init__(self, meter: Meter | None) -> None:
        self._meter = meter
        self._samples: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="power", daemon=True)

    def __enter__(self) -> Self:
        if self._meter is not None:
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._over.set()
        if self._meter is not None:
            self._thread.join()

    @property
    def watts(self) -> float | None:
        return watts(self._samples)

    def _look(self) -> None:
        assert self._meter is not None
        try:
            while not self._over.is_set():
                self._samples.append((time.perf_counter(), self._meter.read()))
                self._over.wait(_EVERY)
        except MeterLost:
            self._samples.clear()


def watts(samples: Sequence[tuple[float, int]]) -> float | None:
    """Mean power of (seconds, microjoules), from the counter's first step to its last: so that it does not matter when
    within an update the window began and ended. None if it did not step twice."""
    steps = [after for before, after in pairwise(samples) if after[1] != before[1]]
    if len(steps) < 2:
        return None
    (began, first), (ended, last) = steps[0], steps[-1]
    return (last - first) / 1e6 / (ended - began)


def main(seconds: float = 1.0) -> int:
    """What the first GPU's counter says; 1 if there is none, or if it stands still."""
    meter, why = find_meter("cuda")
    if meter is None:
        print(f"no energy counter: {why}")
        return 1
    with PowerTrace(meter) as trace:
        time.sleep(seconds)
    reading = f"{meter.name.device}: {meter.read() / 1e6:.3f} J since the counter was found"
    print(f"{reading}; it does not step" if trace.watts is None else f"{reading}, {trace.watts:.1f} W now")
    return 0 if trace.watts is not None else 1


if __name__ == "__main__":
    sys.exit(main())
