"""A GPU's number in CUDA to a name that its driver's management library knows it by.

The two count in different orders (CUDA the fastest first, unless CUDA_DEVICE_ORDER says otherwise; the library by bus), and
CUDA_VISIBLE_DEVICES is CUDA's alone. A part of a GPU divided by MIG has the bus id of the whole, which is what has a counter.
"""

import importlib
import logging
from typing import Any

log = logging.getLogger(__name__)

_LENGTH = 32
"""Bytes that hold a bus id, `0000:65:00.0`, and its end."""


def pci_bus_id(number: int) -> str | None:
    """The PCI bus id of the GPU that CUDA gives this number; None, which is logged, where CUDA does not say.

    May take a second where an NVIDIA driver wakes up first.
    """
    try:
        driver: Any = importlib.import_module("cuda.bindings.driver")
        _ask(driver.cuInit(0))
        device = _ask(driver.cuDeviceGet(number))
        name: bytes = _ask(driver.cuDeviceGetPCIBusId(_LENGTH, device))
    except (ImportError, RuntimeError) as error:
        log.info("energy: CUDA does not say which GPU is cuda:%d (%s): all that there are count", number, error)
        return None
    return name.split(b"\0")[0].decode()


def _ask(answer: tuple[Any, ...]) -> Any:
    error, *values = answer
    if int(error):
        raise RuntimeError(error.name)
    return values[0] if values else None
