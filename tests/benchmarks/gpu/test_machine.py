"""What a run is a run of is told first, and the peak once."""

from pathlib import Path

import pytest

from benchmarks.gpu import machine
from benchmarks.gpu.records import Records


def test_the_machine(tmp_path: Path) -> None:
    """Its energy counter, or why there is none, its versions and its peak; a second run takes the peak that is there."""
    for _ in range(2):
        assert machine.main(["--out", str(tmp_path), "--device", "cpu", "--seconds", "0.02", "--tiny"]) == 0
    records = Records(tmp_path).read()
    assert [record["kind"] for record in records] == ["machine", "peak", "machine"]
    told, peak = records[0], records[1]
    assert (told["energy"], told["metered"], told["tiny"]) == ("nothing runs on a GPU", False, True)
    assert peak["device"] == told["device"]
    assert peak["peak"] == max(peak["tflops"].values()) > 0


def test_the_counter_is_looked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is measured it is known whether joules will be."""
    from benchmarks.gpu import power

    monkeypatch.setattr(machine, "find_meter", lambda device: (None, "nvml: the driver counts no energy"))
    assert list(machine.describe("cpu", 1.0, True))[:3] == ["kind", "energy", "metered"]
    assert machine.describe("cpu", 1.0, True)["energy"] == "nvml: the driver counts no energy"
    monkeypatch.setattr(power, "find_meter", lambda device: (None, "none"))
    assert power.main(0.0) == 1
