"""Which meters a machine has, put together from what it shows."""

from pathlib import Path

from server.energy.discover import find_meters
from server.energy.nvml import Nvml

from .conftest import FakeNvml, Powercap


def _not_installed() -> Nvml:
    raise ImportError


def _busy() -> float:
    return 0.0


def test_everything(powercap: Powercap) -> None:
    """GPUs, processors and the model come together where all are there and asked for."""
    powercap.zone("intel-rapl:0", "package-0")
    found = find_meters(_busy, watts=65.0, powercap=powercap.root, nvml=lambda: FakeNvml(0))
    assert [meter.name for meter in found.meters] == [("gpu0", "nvml"), ("package-0", "rapl"), ("machine", "model")]
    assert found.absent == ()


def test_nothing(tmp_path: Path) -> None:
    """A machine without meters has none, not even a model, and says why for each kind."""
    found = find_meters(_busy, powercap=tmp_path, nvml=_not_installed)
    assert found.meters == ()
    assert [reason.split(":")[0] for reason in found.absent] == ["nvml", "rapl"]


def test_the_model_only_when_asked_for(powercap: Powercap) -> None:
    """No watts, no model, whatever else there is."""
    powercap.zone("intel-rapl:0", "package-0")
    found = find_meters(_busy, watts=0.0, powercap=powercap.root, nvml=_not_installed)
    assert [meter.name.kind for meter in found.meters] == ["rapl"]


def test_only_the_gpu_that_paints(tmp_path: Path) -> None:
    """GPUs that were not named do not count."""
    found = find_meters(_busy, gpus=["1"], powercap=tmp_path, nvml=lambda: FakeNvml(0, 0, 0))
    assert [meter.name.device for meter in found.meters] == ["gpu1"]
