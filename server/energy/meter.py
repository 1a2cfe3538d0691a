"""What a meter of energy is: a counter that only grows, in whole microjoules so that sums come out to the last one."""

from typing import Literal, NamedTuple, Protocol, TypeAlias

MeterKind: TypeAlias = Literal["nvml", "rapl", "model"]
"""What counts: the NVIDIA driver, the processor, or nobody: the operator's wattage times the seconds spent painting."""


class MeterName(NamedTuple):
    """Which meter: the labels `device` and `meter` of its series."""

    device: str
    kind: MeterKind


class MeterLost(Exception):
    """The meter cannot be read any more; the text says why. It does not come back."""


class Meter(Protocol):
    """Counts the energy that one device uses."""

    @property
    def name(self) -> MeterName: ...

    def read(self) -> int:
        """Microjoules since the meter was made; never fewer than before. May block for milliseconds. Raises MeterLost."""
        ...


class Odometer:
    """Adds up a device's counter, which wraps around at `limit`, or never where that is 0."""

    def __init__(self, reading: int, limit: int = 0) -> None:
        self.total = 0
        self._last, self._limit = reading, limit

    def advance(self, reading: int) -> int:
        """The sum of all steps up to this reading, in the counter's unit.

        Exact if the counter moved by less than half its limit since the last one, which takes minutes.
        """
        step = reading - self._last
        if step < 0:
            # A wrap falls by nearly the whole range. A lesser fall is a counter that began anew (a machine that slept,
            # a driver that was loaded again): what it counted until then is not known, and a guess would be for ever.
            step = max(0, step + self._limit) if -step > self._limit / 2 else 0
        self._last = reading
        self.total += step
        return self.total
