"""NVIDIA's counters over a driver that does not exist: which GPUs, and why others are absent."""

import pytest

from server.energy.meter import MeterLost, MeterName
from server.energy.nvml import Nvml, find_nvml

from .conftest import FakeNvml, NvmlError


def test_all_gpus() -> None:
    """Asked for none in particular, every GPU counts, by its index."""
    meters, reasons = find_nvml(None, lambda: FakeNvml(5000, 7000))
    assert [meter.name for meter in meters] == [MeterName("gpu0", "nvml"), MeterName("gpu1", "nvml")]
    assert reasons == []


@pytest.mark.parametrize("name", ["1", "GPU-1", "00000000:01:00.0"])
def test_one_gpu(name: str) -> None:
    """A GPU is found by index, by UUID and by PCI bus id, and no other counts."""
    meters, reasons = find_nvml([name], lambda: FakeNvml(5000, 7000, 9000))
    assert [meter.name.device for meter in meters] == ["gpu1"]
    assert reasons == []


def test_one_gpu_by_two_names() -> None:
    """A GPU named twice counts once."""
    meters, _ = find_nvml(["0", "GPU-0"], lambda: FakeNvml(5000))
    assert len(meters) == 1


def test_reading() -> None:
    """A meter counts microjoules from when it was found; a driver loaded again takes nothing back."""
    nvml = FakeNvml(5000)
    [meter], _ = find_nvml(None, lambda: nvml)
    assert meter.read() == 0
    nvml.counters[0] = 5250
    assert meter.read() == 250_000
    nvml.counters[0] = 40
    assert meter.read() == 250_000
    nvml.counters[0] = 50
    assert meter.read() == 260_000


def test_loss() -> None:
    """A GPU that falls off the bus is lost, with the driver's reason."""
    nvml = FakeNvml(5000, 6000)
    [first, second], _ = find_nvml(None, lambda: nvml)
    nvml.counters[0] = NvmlError("GPU is lost")
    with pytest.raises(MeterLost, match="gpu0 uses: GPU is lost"):
        first.read()
    assert second.read() == 0


def test_a_gpu_without_a_counter() -> None:
    """A GPU older than Volta is absent with the driver's reason; the others count."""
    meters, reasons = find_nvml(None, lambda: FakeNvml(NvmlError("Not Supported"), 5000))
    assert [meter.name.device for meter in meters] == ["gpu1"]
    assert reasons == ["nvml: GPU 0 does not say what it uses: Not Supported"]


@pytest.mark.parametrize("name", ["7", "GPU-7", "00000000:07:00.0"])
def test_a_gpu_that_is_not_there(name: str) -> None:
    """A GPU that the driver does not know is absent, by the name it was asked for."""
    meters, [reason] = find_nvml([name], lambda: FakeNvml(5000))
    assert meters == []
    assert reason.startswith(f"nvml: GPU {name} does not say")


def test_no_driver() -> None:
    """Without a driver nothing counts, and the reason is the library's."""
    meters, reasons = find_nvml(None, lambda: FakeNvml(init=NvmlError("NVML Shared Library Not Found")))
    assert (meters, reasons) == ([], ["nvml: no NVIDIA driver: NVML Shared Library Not Found"])


def test_no_gpus() -> None:
    """A driver without a GPU has nothing to count, which is said."""
    assert find_nvml(None, FakeNvml) == ([], ["nvml: the driver shows no GPU"])


def test_no_library() -> None:
    """Where nvidia-ml-py is not installed nothing counts, and the reason says what to install."""

    def missing() -> Nvml:
        raise ModuleNotFoundError("No module named 'pynvml'")

    assert find_nvml(None, missing) == ([], ["nvml: nvidia-ml-py is not installed"])


def test_no_gpu_asked_for() -> None:
    """Where no GPU paints the driver is left alone."""

    def woken() -> Nvml:
        raise AssertionError("the driver was woken for nothing")

    assert find_nvml([], woken) == ([], ["nvml: no NVIDIA GPU paints"])


def test_the_real_library_has_these_functions() -> None:
    """What the fake driver can do, under the same names, the real library can."""
    real = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    names = [name for name in vars(FakeNvml) if name.startswith("nvml")]
    assert len(names) == 7
    assert [name for name in names if not callable(getattr(real, name, None))] == []
    assert issubclass(real.NVMLError, Exception)
