"""Processors' and memory's own energy counters (RAPL: Intel, and AMD since Zen), from the kernel's powercap files.

Read without a library: it is two small files per counter, and the one well-kept library for them (`zeus`) brings pandas,
scikit-learn and AMD's GPU bindings, and starts a process per counter to watch for its wrapping around.

Zones overlap, so only some are counted: each package, and beside it its memory, which a package does not contain. Left out
are a package's parts (`core`, `uncore`), the whole board (`psys`: it contains the packages), and the same counters once more
under `intel-rapl-mmio`.
"""

import re
from pathlib import Path

from .meter import Meter, MeterLost, MeterName, Odometer

POWERCAP = Path("/sys/class/powercap")

_TOP_ZONE = re.compile(r"intel-rapl:\d+")
_SUBZONE = re.compile(r"(intel-rapl:\d+):\d+")
_DIE = re.compile(r"(package-\d+)-die-\d+")

_LAG = 1_000_000
"""Microjoules by which two dies' copies of one counter may differ: they are brought up to date at different moments."""


class RaplMeter:
    """One zone's counter. Making it raises OSError or ValueError if the zone cannot be read."""

    def __init__(self, device: str, zone: Path) -> None:
        self.name = MeterName(device, "rapl")
        self._file = zone / "energy_uj"
        self._odometer = Odometer(self.counter(), int((zone / "max_energy_range_uj").read_text()))

    def counter(self) -> int:
        """What the counter shows: microjoules since an unknown moment, wrapping around. Raises OSError, ValueError."""
        return int(self._file.read_text())

    def read(self) -> int:
        try:
            return self._odometer.advance(self.counter())
        except (OSError, ValueError) as error:
            raise MeterLost(f"{self._file} cannot be read any more: {error}") from error


def find_rapl(root: Path = POWERCAP) -> tuple[list[Meter], list[str]]:
    """The meters under `root`, and why others, or all, are absent: for the operator, each reason once."""
    meters: list[RaplMeter] = []
    reasons: dict[str, None] = {}
    for zone in sorted(root.glob("intel-rapl:*")):
        try:
            device = _device(zone)
            if device is not None and not _mirrored(meter := RaplMeter(device, zone), meters):
                meters.append(meter)
        except PermissionError:
            reasons[_forbidden(root)] = None
        except (OSError, ValueError) as error:
            reasons[f"rapl: {zone.name} cannot be read (a container may hide what is behind it): {error}"] = None
    if not meters and not reasons:
        reasons[f"rapl: no energy counters under {root}: a virtual machine, a container, or no such processor"] = None
    return [*meters], [*reasons]


def _forbidden(root: Path) -> str:
    return (
        f"rapl: {root}/intel-rapl:*/energy_uj may be read by root only, since power gives other users' secrets away "
        "(CVE-2020-8694); where there are no others, let this user read it: `chmod a+r` until the next start, a udev rule for "
        "good, or the capability DAC_READ_SEARCH"
    )


def _device(zone: Path) -> str | None:
    """The device a zone counts, or None if a zone counted elsewhere contains it."""
    if _TOP_ZONE.fullmatch(zone.name):
        name = _name(zone)
        return name if name.startswith("package") else None
    if (match := _SUBZONE.fullmatch(zone.name)) and _name(zone) == "dram":
        return f"{_name(zone.parent / match[1])}-dram"
    return None


def _name(zone: Path) -> str:
    return (zone / "name").read_text().strip()


def _mirrored(meter: RaplMeter, kept: list[RaplMeter]) -> bool:
    """Some processors of several dies (AMD's first two Zens) show the whole package's counter at each die: one is enough."""
    package = _package_of_die(meter)
    return package is not None and any(_package_of_die(other) == package and _same_counter(meter, other) for other in kept)


def _package_of_die(meter: RaplMeter) -> str | None:
    match = _DIE.fullmatch(meter.name.device)
    return match[1] if match else None


def _same_counter(one: RaplMeter, other: RaplMeter) -> bool:
    # unlike counters have counted unlike energy since the machine started; equal ones show between two looks what they showed
    before, between, after = one.counter(), other.counter(), one.counter()
    return before - _LAG <= between <= after + _LAG
