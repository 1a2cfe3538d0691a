"""The driver's wrapper where there is no driver: what it says is missing, and what it does when a call fails."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError
from engines.gpu.cuda import CudaError, DeviceLost, OutOfDeviceMemory
from engines.gpu.driver import Driver, compile_for


class Result(int):
    name = "CUDA_SUCCESS"


def result(number: int, name: str) -> Result:
    made = Result(number)
    made.name = name
    return made


class Bindings:
    """cuda.bindings.driver as far as it is asked: every call succeeds with a handle of its own, but those in `answers`."""

    CU_MEMHOSTALLOC_PORTABLE = 1
    CUstream_flags = SimpleNamespace(CU_STREAM_NON_BLOCKING=1)
    CUevent_flags = SimpleNamespace(CU_EVENT_DISABLE_TIMING=2, CU_EVENT_BLOCKING_SYNC=1)
    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL="thread local")
    CUdevice_attribute = SimpleNamespace(
        CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR=8, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR=9
    )

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.answers: dict[str, Any] = {
            "cuDeviceGetCount": 2,
            "cuDeviceGetName": b"a device\0\0",
            "cuMemGetInfo": (10, 20),
            "cuDeviceGetAttribute": lambda attribute, _: attribute,
        }

    def __getattr__(self, name: str) -> Callable[..., tuple[Any, ...]]:
        if not name.startswith("cu"):
            raise AttributeError(name)

        def call(*arguments: Any) -> tuple[Any, ...]:
            self.calls.append((name, *arguments))
            answer = self.answers.get(name, len(self.calls))
            if isinstance(answer, Result):
                return (answer, 0)
            if isinstance(answer, Exception):
                raise answer
            answer = answer(*arguments) if callable(answer) else answer
            return (Result(), *(answer if isinstance(answer, tuple) else (answer,)))

        return call

    def called(self, *names: str) -> list[str]:
        return [name for name, *_ in self.calls if name in names]


@pytest.fixture
def bindings(monkeypatch: pytest.MonkeyPatch) -> Bindings:
    made = Bindings()
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", made)  # type: ignore[arg-type]
    return made


# what is missing --------------------------------------------------------------------------------------------------------


def test_no_cuda_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without cuda-python the error says which extra to install."""
    monkeypatch.setitem(sys.modules, "cuda.bindings.driver", None)
    with pytest.raises(EngineError, match=r"cuda-python is not installed: pip install 'allaprima\[tensorrt\]'"):
        Driver()


def test_no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without NVRTC the error says which extra to install."""
    monkeypatch.setitem(sys.modules, "cuda.bindings.nvrtc", None)
    with pytest.raises(EngineError, match=r"no NVRTC.* pip install 'allaprima\[tensorrt\]'"):
        compile_for("", (8, 9))


def test_no_driver(bindings: Bindings) -> None:
    """Without NVIDIA's driver the error says so, and what serves without."""
    bindings.answers["cuDriverGetVersion"] = RuntimeError("libcuda.so.1 not found")
    with pytest.raises(EngineError, match=r"no NVIDIA driver on this machine: install it, or serve with --engine openvino"):
        Driver()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("CUDA_ERROR_NO_DEVICE", "no NVIDIA GPU here"),
        ("CUDA_ERROR_INSUFFICIENT_DRIVER", "update the driver"),
        ("CUDA_ERROR_SOMETHING_NEW", "see nvidia-smi"),
    ],
)
def test_no_device(bindings: Bindings, name: str, said: str) -> None:
    """What the driver says when it starts is in the error, with a remedy."""
    bindings.answers["cuInit"] = result(100, name)
    with pytest.raises(CudaError, match=rf"{said}.* \(cuInit: {name}\)"):
        Driver()


@pytest.mark.parametrize("number", [2, -1])
def test_no_such_device(bindings: Bindings, number: int) -> None:
    """A number that no device has is refused with how many there are."""
    with pytest.raises(CudaError, match=f"no GPU {number}: there are 2, counted from 0"):
        Driver(number)
    assert not bindings.called("cuDevicePrimaryCtxRetain")


def test_what_there_is(bindings: Bindings) -> None:
    """A device's name, capability and memory are the driver's, of the device with that number."""
    driver = Driver(1)
    assert (driver.name, driver.capability, driver.memory()) == ("a device", (8, 9), (10, 20))
    assert ("cuDeviceGet", 1) in bindings.calls


# what fails -------------------------------------------------------------------------------------------------------------


def test_out_of_memory(bindings: Bindings) -> None:
    """Device memory that is not there is an error of its own kind, with the call and a way out."""
    driver = Driver()
    bindings.answers["cuMemAlloc"] = result(2, "CUDA_ERROR_OUT_OF_MEMORY")
    with pytest.raises(OutOfDeviceMemory, match=r"out of device memory \(cuMemAlloc\): ask for smaller ticks"):
        driver.allocate(8)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (700, "ILLEGAL_ADDRESS"),
        (710, "ASSERT"),
        (715, "ILLEGAL_INSTRUCTION"),
        (716, "MISALIGNED_ADDRESS"),
        (719, "LAUNCH_FAILED"),
    ],
)
def test_a_lost_device(number: int, name: str, bindings: Bindings) -> None:
    """An error that nothing comes back from says that the server must be started again."""
    driver = Driver()
    bindings.answers["cuEventSynchronize"] = result(number, f"CUDA_ERROR_{name}")
    with pytest.raises(DeviceLost, match="start the server again"):
        driver.synchronise(driver.event())


def test_a_capture_that_fails(bindings: Bindings) -> None:
    """A capture that fails is ended, its graph is freed, and what failed it is raised, even if ending it fails, too."""
    driver = Driver()
    for ending in (77, result(901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED")):
        bindings.answers["cuStreamEndCapture"] = ending
        bindings.calls.clear()
        with pytest.raises(ZeroDivisionError):
            driver.capture(driver.stream(), lambda: print(1 // 0))
        assert bindings.called("cuStreamEndCapture", "cuGraphInstantiate") == ["cuStreamEndCapture"]
        assert (("cuGraphDestroy", 77) in bindings.calls) == (ending == 77)


def test_a_graph_that_cannot_be_made(bindings: Bindings) -> None:
    """When a captured graph cannot be made ready, it is freed and the error is the driver's."""
    driver = Driver()
    bindings.answers |= {"cuStreamEndCapture": 77, "cuGraphInstantiate": result(2, "CUDA_ERROR_OUT_OF_MEMORY")}
    with pytest.raises(OutOfDeviceMemory, match="cuGraphInstantiate"):
        driver.capture(driver.stream(), lambda: None)
    assert ("cuGraphDestroy", 77) in bindings.calls


def test_closing(bindings: Bindings) -> None:
    """Closing waits, then frees all in the reverse order, whatever fails; and again is nothing."""
    driver = Driver()
    address, stream = driver.allocate(8), driver.stream()
    driver.event()
    bindings.answers["cuStreamDestroy"] = result(700, "CUDA_ERROR_ILLEGAL_ADDRESS")
    bindings.calls.clear()
    driver.close()
    names = [name for name, *_ in bindings.calls]
    assert names == ["cuCtxSynchronize", "cuEventDestroy", "cuStreamDestroy", "cuMemFree", "cuDevicePrimaryCtxRelease"]
    assert {("cuMemFree", address), ("cuStreamDestroy", stream)} <= set(bindings.calls)
    driver.close()
    assert len(bindings.calls) == len(names)
