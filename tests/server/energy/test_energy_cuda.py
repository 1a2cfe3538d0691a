"""Which GPU the one is that CUDA has a number for, over a driver that does not exist."""

import importlib
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from server.energy.cuda import pci_bus_id


class Result(int):
    name = "CUDA_ERROR_NO_DEVICE"


def driver(monkeypatch: pytest.MonkeyPatch, error: int = 0) -> None:
    """CUDA's driver with two GPUs, of which it counts the second first; with an error it has none."""
    buses = {0: b"0000:65:00.0\0", 1: b"0000:17:00.0\0"}
    module: Any = SimpleNamespace(
        cuInit=lambda flags: (Result(error),),
        cuDeviceGet=lambda number: (Result(0), number),
        cuDeviceGetPCIBusId=lambda length, device: (Result(0), buses[device].ljust(length, b"\0")),
    )
    monkeypatch.setattr(importlib, "import_module", lambda name: {"cuda.bindings.driver": module}[name])


def test_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bus id is that of the GPU with the number in CUDA's order, without what pads it."""
    driver(monkeypatch)
    assert (pci_bus_id(0), pci_bus_id(1)) == ("0000:65:00.0", "0000:17:00.0")


def test_no_device(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where CUDA has no device there is no bus id, and the log says why and what follows."""
    driver(monkeypatch, error=100)
    with caplog.at_level(logging.INFO):
        assert pci_bus_id(0) is None
    assert "which GPU is cuda:0 (CUDA_ERROR_NO_DEVICE)" in caplog.text


@pytest.mark.parametrize("error", [ImportError("No module named 'cuda'"), RuntimeError("no libcuda.so.1")])
def test_no_cuda(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception) -> None:
    """Without CUDA's driver, or without its bindings, the same."""

    def missing(name: str) -> None:
        raise error

    monkeypatch.setattr(importlib, "import_module", missing)
    with caplog.at_level(logging.INFO):
        assert pci_bus_id(0) is None
    assert str(error) in caplog.text


def test_the_real_bindings_have_these_functions() -> None:
    """What is asked of the driver, the real bindings have under the same names."""
    real = pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")
    assert all(callable(getattr(real, name)) for name in ("cuInit", "cuDeviceGet", "cuDeviceGetPCIBusId"))
