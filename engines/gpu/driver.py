"""A CUDA device by its driver, through cuda-python: the real `Cuda`. Imported only where a GPU is asked for."""

import ctypes
import importlib
import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .cuda import Address, Argument, Bytes, CudaError, DeviceLost, Event, Graph, Kernel, OutOfDeviceMemory, Stream

log = logging.getLogger(__name__)

_EXTRA = "pip install 'allaprima[tensorrt]', 'allaprima[tensorrt-rtx]' or 'allaprima[torch]'"
_ELSEWHERE = "or serve with --engine openvino, which needs no GPU"
_LOST = "the device is lost to this process: start the server again"
_REMEDIES = {
    "CUDA_ERROR_NO_DEVICE": f"there is no NVIDIA GPU here, or it is hidden from this process: give it one, {_ELSEWHERE}",
    "CUDA_ERROR_INSUFFICIENT_DRIVER": "the NVIDIA driver is older than this CUDA: update the driver",
    "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH": "the NVIDIA driver was updated while in use: start the machine again",
    "CUDA_ERROR_SYSTEM_NOT_READY": "the GPU's own services are not up: see nvidia-smi, and the fabric manager's log",
    "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE": "the NVIDIA driver is older than this CUDA: update the driver",
    "CUDA_ERROR_DEVICE_UNAVAILABLE": "another process has the GPU for itself: end that, or choose another GPU",
    "CUDA_ERROR_NO_BINARY_FOR_GPU": "this CUDA does not know the GPU: update NVRTC",
    "CUDA_ERROR_ILLEGAL_ADDRESS": _LOST,
    "CUDA_ERROR_ILLEGAL_INSTRUCTION": _LOST,
    "CUDA_ERROR_MISALIGNED_ADDRESS": _LOST,
    "CUDA_ERROR_INVALID_ADDRESS_SPACE": _LOST,
    "CUDA_ERROR_INVALID_PC": _LOST,
    "CUDA_ERROR_ASSERT": _LOST,
    "CUDA_ERROR_CONTAINED": _LOST,
    "CUDA_ERROR_LAUNCH_FAILED": _LOST,
    "CUDA_ERROR_LAUNCH_TIMEOUT": _LOST,
    "CUDA_ERROR_ECC_UNCORRECTABLE": f"the GPU's memory is faulty; {_LOST}",
    "CUDA_ERROR_HARDWARE_STACK_ERROR": _LOST,
}
_OUT_OF_MEMORY = "CUDA_ERROR_OUT_OF_MEMORY"


class Driver:
    """The device with this number. Raises CudaError with the remedy if there is no driver, device or cuda-python."""

    def __init__(self, number: int = 0) -> None:
        self._driver = _driver()
        self.synchronisations = 0
        self._freeing: list[tuple[str, Any]] = []
        self._kernels: list[Any] = []
        self._call("cuInit", 0)
        count = self._call("cuDeviceGetCount")
        if not 0 <= number < count:
            raise CudaError(f"there is no GPU {number}: there are {count}, counted from 0")
        self._device = self._call("cuDeviceGet", number)
        self.name = self._call("cuDeviceGetName", 128, self._device).split(b"\0")[0].decode()
        self.capability = (self._attribute("COMPUTE_CAPABILITY_MAJOR"), self._attribute("COMPUTE_CAPABILITY_MINOR"))
        # the context that TensorRT uses, too
        context = self._call("cuDevicePrimaryCtxRetain", self._device)
        self._freeing.append(("cuDevicePrimaryCtxRelease", self._device))
        self._call("cuCtxSetCurrent", context)

    def memory(self) -> tuple[int, int]:
        free, total = self._call("cuMemGetInfo")
        return int(free), int(total)

    def allocate(self, size: int) -> Address:
        address = int(self._call("cuMemAlloc", size))
        self._freeing.append(("cuMemFree", address))
        return address

    def pinned(self, size: int) -> Bytes:
        # portable: to the contexts of other engines' libraries it is page-locked, too
        address = int(self._call("cuMemHostAlloc", size, self._driver.CU_MEMHOSTALLOC_PORTABLE))
        self._freeing.append(("cuMemFreeHost", address))
        return np.frombuffer(memoryview((ctypes.c_uint8 * size).from_address(address)), dtype=np.uint8)

    def stream(self) -> Stream:
        stream = int(self._call("cuStreamCreate", int(self._driver.CUstream_flags.CU_STREAM_NON_BLOCKING)))
        self._freeing.append(("cuStreamDestroy", stream))
        return Stream(stream)

    def event(self) -> Event:
        flags = self._driver.CUevent_flags
        # a host that waits sleeps: spinning would save microseconds and burn a core
        event = int(self._call("cuEventCreate", int(flags.CU_EVENT_DISABLE_TIMING) | int(flags.CU_EVENT_BLOCKING_SYNC)))
        self._freeing.append(("cuEventDestroy", event))
        return Event(event)

    def clear(self, address: Address, size: int, stream: Stream) -> None:
        self._call("cuMemsetD8Async", address, 0, size, stream)

    def copy_in(self, to: Address, source: Bytes, stream: Stream) -> None:
        self._call("cuMemcpyHtoDAsync", to, source.ctypes.data, source.nbytes, stream)

    def copy_out(self, to: Bytes, source: Address, stream: Stream) -> None:
        self._call("cuMemcpyDtoHAsync", to.ctypes.data, source, to.nbytes, stream)

    def copy_within(self, to: Address, source: Address, size: int, stream: Stream) -> None:
        self._call("cuMemcpyDtoDAsync", to, source, size, stream)

    def record(self, event: Event, stream: Stream) -> None:
        self._call("cuEventRecord", event, stream)

    def wait(self, stream: Stream, event: Event) -> None:
        self._call("cuStreamWaitEvent", stream, event, 0)

    def synchronise(self, event: Event) -> None:
        self.synchronisations += 1
        self._call("cuEventSynchronize", event)

    def drain(self) -> None:
        self.synchronisations += 1
        self._call("cuCtxSynchronize")

    def compile(self, source: str, names: Sequence[str]) -> dict[str, Kernel]:
        module = self._call("cuModuleLoadData", compile_for(source, self.capability))
        self._freeing.append(("cuModuleUnload", module))
        kernels = {}
        for name in names:
            self._kernels.append(self._call("cuModuleGetFunction", module, name.encode()))
            kernels[name] = Kernel(len(self._kernels) - 1)
        return kernels

    def launch(self, kernel: Kernel, grid: tuple[int, int], block: int, arguments: Sequence[Argument], stream: Stream) -> None:
        values = tuple(int(argument) for argument in arguments)
        types = tuple(ctypes.c_int32 if isinstance(argument, np.int32) else ctypes.c_void_p for argument in arguments)
        self._call("cuLaunchKernel", self._kernels[kernel], *grid, 1, block, 1, 1, 0, stream, (values, types), 0)

    def capture(self, stream: Stream, fill: Callable[[], None]) -> Graph:
        # of this thread alone: another engine's thread may allocate meanwhile
        mode = self._driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call("cuStreamBeginCapture", stream, mode)
        try:
            fill()
        except BaseException:
            self._abandon(stream)
            raise
        captured = self._call("cuStreamEndCapture", stream)
        try:
            return self.instantiate(captured, stream)
        finally:
            self._call("cuGraphDestroy", captured)

    def instantiate(self, captured: int, stream: Stream) -> Graph:
        graph = self._call("cuGraphInstantiate", captured, 0)
        self._freeing.append(("cuGraphExecDestroy", graph))
        self._call("cuGraphUpload", graph, stream)
        return Graph(int(graph))

    def launch_graph(self, graph: Graph, stream: Stream) -> None:
        self._call("cuGraphLaunch", graph, stream)

    def close(self) -> None:
        freeing, self._freeing = self._freeing[::-1], []
        if not freeing:
            return
        for name, *argument in [("cuCtxSynchronize",), *freeing]:
            try:
                self._call(name, *argument)
            except CudaError as error:  # of a lost device nothing can be freed, and all is
                log.debug("%s", error)

    def _abandon(self, stream: Stream) -> None:
        """End a capture that failed; the driver may have ended it, and then says so."""
        try:
            graph = self._call("cuStreamEndCapture", stream)
            if int(graph):
                self._call("cuGraphDestroy", graph)
        except CudaError as error:
            log.debug("%s", error)

    def _attribute(self, name: str) -> int:
        attribute = getattr(self._driver.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
        return int(self._call("cuDeviceGetAttribute", attribute, self._device))

    def _call(self, name: str, *arguments: Any) -> Any:
        """What a function of the driver returns beside its error: nothing, one value or a tuple."""
        error, *values = getattr(self._driver, name)(*arguments)
        if int(error):
            raise _error(name, error.name)
        return values[0] if len(values) == 1 else tuple(values)


def compile_for(source: str, capability: tuple[int, int]) -> bytes:
    """CUDA C++ to machine code for one architecture; needs NVRTC and no GPU. Raises CudaError with what it said."""
    gpu = f"{capability[0]}{capability[1]}"
    try:
        nvrtc = importlib.import_module("cuda.bindings.nvrtc")
        _, program = nvrtc.nvrtcCreateProgram(source.encode(), b"kernels.cu", 0, [], [])
    except (ImportError, RuntimeError) as error:  # the library itself is missing
        raise CudaError(f"there is no NVRTC, which compiles kernels: {_EXTRA} ({error})") from error
    try:
        options = [f"--gpu-architecture=sm_{gpu}".encode(), b"--std=c++17"]
        (failed,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        if int(failed):
            said = b" " * nvrtc.nvrtcGetProgramLogSize(program)[1]
            nvrtc.nvrtcGetProgramLog(program, said)
            why = said.decode(errors="replace").strip(" \n\0") or failed.name
            raise CudaError(f"NVRTC did not compile our kernels for sm{gpu}: {why}; a newer one may: {_EXTRA}")
        code = b" " * int(nvrtc.nvrtcGetCUBINSize(program)[1])
        nvrtc.nvrtcGetCUBIN(program, code)
        return code
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def _driver() -> Any:
    try:
        driver = importlib.import_module("cuda.bindings.driver")
    except ImportError as error:
        raise CudaError(f"cuda-python is not installed: {_EXTRA} ({error})") from error
    try:
        driver.cuDriverGetVersion()
    except RuntimeError as error:  # the library itself is missing
        raise CudaError(f"there is no NVIDIA driver on this machine: install it, {_ELSEWHERE} ({error})") from error
    return driver


def _error(call: str, name: str) -> CudaError:
    if name == _OUT_OF_MEMORY:
        return OutOfDeviceMemory(f"out of device memory ({call}): ask for smaller ticks, or free the device of other work")
    kind = DeviceLost if _LOST in _REMEDIES.get(name, "") else CudaError
    return kind(f"{_REMEDIES.get(name, 'see nvidia-smi, and the documentation of the CUDA driver')} ({call}: {name})")
