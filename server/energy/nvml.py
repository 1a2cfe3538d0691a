"""NVIDIA GPUs' own energy counters, from the driver's management library (NVML).

Through `nvidia-ml-py`: NVIDIA's own binding, one module in pure Python without dependencies, which needs no driver to be
installed or imported. `zeus` would read the same counter through the same module and bring pandas and scikit-learn along.

The counter is there from Volta on. The driver brings it up to date every 20 to 100 ms, so a window of a second is off by some
per cent at its edges; what one window misses the next one has. A GPU divided by MIG has one counter for all its parts.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from .meter import Meter, MeterLost, MeterName, Odometer

_MICROJOULES = 1000
"""In a millijoule, the counter's unit."""


class Nvml(Protocol):
    """The part of the module `pynvml` that is used here. What raises, raises NVMLError."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None: ...
    def nvmlDeviceGetCount(self) -> int: ...
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...
    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Any: ...
    def nvmlDeviceGetHandleByPciBusId(self, pciBusId: str) -> Any: ...
    def nvmlDeviceGetIndex(self, handle: Any) -> int: ...
    def nvmlDeviceGetTotalEnergyConsumption(self, handle: Any) -> int: ...


def load_nvml() -> Nvml:
    """The module. Raises ImportError where nvidia-ml-py is not installed."""
    return cast(Nvml, importlib.import_module("pynvml"))


class NvmlMeter:
    """One GPU's counter. Making it raises NVMLError where the GPU has none."""

    def __init__(self, nvml: Nvml, handle: Any) -> None:
        self.name = MeterName(f"gpu{nvml.nvmlDeviceGetIndex(handle)}", "nvml")
        self._nvml, self._handle = nvml, handle
        self._odometer = Odometer(self._counter())

    def _counter(self) -> int:
        return self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle)

    def read(self) -> int:
        try:
            return _MICROJOULES * self._odometer.advance(self._counter())
        except self._nvml.NVMLError as error:
            raise MeterLost(f"the driver does not say any more what {self.name.device} uses: {error}") from error


def find_nvml(gpus: Sequence[str] | None = None, load: Callable[[], Nvml] = load_nvml) -> tuple[list[Meter], list[str]]:
    """The meters of some GPUs, and why others, or all, are absent: for the operator.

    A GPU is named by UUID (`GPU-...`), PCI bus id, or index in the driver's order, which is not always CUDA's. None means
    all that the driver shows; an empty sequence none, and nothing is loaded. NVML stays loaded until the process ends.
    """
    if gpus is not None and not gpus:
        return [], ["nvml: no NVIDIA GPU paints"]
    try:
        nvml = load()
    except ImportError:
        return [], ["nvml: nvidia-ml-py is not installed"]
    try:
        nvml.nvmlInit()
        names = [str(index) for index in range(nvml.nvmlDeviceGetCount())] if gpus is None else gpus
    except nvml.NVMLError as error:
        return [], [f"nvml: no NVIDIA driver: {error}"]
    meters: dict[MeterName, Meter] = {}
    reasons = [] if names else ["nvml: the driver shows no GPU"]
    for name in names:
        try:
            meter = NvmlMeter(nvml, _handle(nvml, name))
            meters[meter.name] = meter
        except nvml.NVMLError as error:
            reasons.append(f"nvml: GPU {name} does not say what it uses: {error}")
    return list(meters.values()), reasons


def _handle(nvml: Nvml, name: str) -> Any:
    if name.isdecimal():
        return nvml.nvmlDeviceGetHandleByIndex(int(name))
    if name.startswith(("GPU-", "MIG-")):
        return nvml.nvmlDeviceGetHandleByUUID(name)
    return nvml.nvmlDeviceGetHandleByPciBusId(name)
