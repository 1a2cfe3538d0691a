"""RAPL over powercap trees as kernels show them: which zones count, and why others do not."""

from pathlib import Path

import pytest

from server.energy.meter import Meter, MeterLost
from server.energy.rapl import find_rapl

from .conftest import RANGE, Powercap


def _devices(meters: list[Meter]) -> list[str]:
    assert all(meter.name.kind == "rapl" for meter in meters)
    return [meter.name.device for meter in meters]


def test_a_laptop(powercap: Powercap) -> None:
    """The package and its memory count; its parts, the board that contains it, and the same counter by MMIO do not."""
    powercap.zone("intel-rapl:0", "package-0")
    powercap.zone("intel-rapl:0:0", "core")
    powercap.zone("intel-rapl:0:1", "uncore")
    powercap.zone("intel-rapl:0:2", "dram")
    powercap.zone("intel-rapl:1", "psys")
    powercap.zone("intel-rapl-mmio:0", "package-0")
    (powercap.root / "intel-rapl").mkdir()
    (powercap.root / "intel-rapl-mmio").mkdir()
    meters, reasons = find_rapl(powercap.root)
    assert _devices(meters) == ["package-0", "package-0-dram"]
    assert reasons == []


def test_two_sockets(powercap: Powercap) -> None:
    """Each package counts, and each one's memory under its own name."""
    for socket in (0, 1):
        powercap.zone(f"intel-rapl:{socket}", f"package-{socket}", counter=0)
        powercap.zone(f"intel-rapl:{socket}:0", "dram", counter=0)
    meters, reasons = find_rapl(powercap.root)
    assert _devices(meters) == ["package-0", "package-0-dram", "package-1", "package-1-dram"]
    assert reasons == []


@pytest.mark.parametrize(
    ("second", "counted"),
    [
        (5_000_000, ["package-0-die-0"]),
        (5_900_000, ["package-0-die-0"]),
        (7_000_000, ["package-0-die-0", "package-0-die-1"]),
    ],
)
def test_dies(powercap: Powercap, second: int, counted: list[str]) -> None:
    """Two dies that show one counter, give or take its refresh, count once; two that show two count both."""
    powercap.zone("intel-rapl:0", "package-0-die-0", counter=5_000_000)
    powercap.zone("intel-rapl:1", "package-0-die-1", counter=second)
    assert _devices(find_rapl(powercap.root)[0]) == counted


def test_dies_of_two_packages(powercap: Powercap) -> None:
    """Dies of different packages are different, whatever their counters show."""
    powercap.zone("intel-rapl:0", "package-0-die-0", counter=5_000_000)
    powercap.zone("intel-rapl:1", "package-1-die-0", counter=5_000_000)
    assert _devices(find_rapl(powercap.root)[0]) == ["package-0-die-0", "package-1-die-0"]


def test_reading(powercap: Powercap) -> None:
    """A meter counts microjoules from when it was found, through the counter's wrapping around."""
    powercap.zone("intel-rapl:0", "package-0", counter=RANGE - 1_000_000)
    [meter], _ = find_rapl(powercap.root)
    assert meter.read() == 0
    powercap.show("intel-rapl:0", RANGE - 400_000)
    assert meter.read() == 600_000
    powercap.show("intel-rapl:0", 2_000_000)
    assert meter.read() == 3_000_000


def test_loss(powercap: Powercap) -> None:
    """A counter that vanishes is lost, and which is in the reason."""
    powercap.zone("intel-rapl:0", "package-0")
    [meter], _ = find_rapl(powercap.root)
    powercap.remove("intel-rapl:0")
    with pytest.raises(MeterLost, match="intel-rapl:0/energy_uj cannot be read any more"):
        meter.read()


def test_nonsense(powercap: Powercap) -> None:
    """A counter that shows no number any more is lost too."""
    powercap.zone("intel-rapl:0", "package-0")
    [meter], _ = find_rapl(powercap.root)
    (powercap.root / "intel-rapl:0" / "energy_uj").write_text("")
    with pytest.raises(MeterLost, match="cannot be read any more"):
        meter.read()


def test_no_permission(powercap: Powercap, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters that only root may read are absent, and one reason for all says why and what to do."""
    powercap.zone("intel-rapl:0", "package-0")
    powercap.zone("intel-rapl:1", "package-1")
    read_text = Path.read_text

    def guarded(path: Path) -> str:
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path)

    monkeypatch.setattr(Path, "read_text", guarded)
    meters, [reason] = find_rapl(powercap.root)
    assert meters == []
    assert "CVE-2020-8694" in reason
    assert "chmod a+r" in reason


def test_a_zone_hidden_by_a_container(powercap: Powercap) -> None:
    """A zone whose files are hidden is absent with a reason that names it; others count."""
    powercap.zone("intel-rapl:0", "package-0")
    (powercap.root / "intel-rapl:1").symlink_to("nowhere")
    meters, [reason] = find_rapl(powercap.root)
    assert _devices(meters) == ["package-0"]
    assert reason.startswith("rapl: intel-rapl:1 cannot be read (a container may hide")


def test_no_counters(tmp_path: Path) -> None:
    """A machine without powercap has no meters, and a reason."""
    meters, [reason] = find_rapl(tmp_path / "nothing")
    assert meters == []
    assert reason.startswith(f"rapl: no energy counters under {tmp_path}/nothing")


def test_only_a_board(powercap: Powercap) -> None:
    """Where no package is to be seen nothing counts, and that is said."""
    powercap.zone("intel-rapl:0", "psys")
    meters, [reason] = find_rapl(powercap.root)
    assert meters == []
    assert "no energy counters" in reason
