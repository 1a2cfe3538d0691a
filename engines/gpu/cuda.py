"""What the runtime asks of a CUDA device, and nothing more: narrow, so that a test can stand in for a device.

Work given to a stream is done in the order of that stream, at some time after the call has returned; between streams
only `record` and `wait` order it. What was allocated, created or captured is freed by `close`, all at once. An object
belongs to the thread that made it.
"""

from collections.abc import Callable, Sequence
from typing import Any, NewType, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import EngineError, EngineLost

Address: TypeAlias = int
"""Of a byte of device memory."""

Bytes: TypeAlias = NDArray[np.uint8]

Stream = NewType("Stream", int)
"""The driver's own handle, which is what TensorRT wants to be told."""
Event = NewType("Event", int)
Graph = NewType("Graph", int)
Kernel = NewType("Kernel", int)

Argument: TypeAlias = int | np.int32
"""Of a kernel: an int is an address, an int32 is itself."""

ALIGNMENT = 256
"""Bytes. Allocations begin at multiples of it, and TensorRT wants its tensors to."""


class CudaError(EngineError):
    """The device, its driver or its compiler refused; the text says what and what to do."""


class OutOfDeviceMemory(CudaError):
    """There is not as much device memory as was asked for."""


class DeviceLost(CudaError, EngineLost):
    """The device does nothing more for this process."""


class Cuda(Protocol):
    """One device. Every call may raise CudaError; one that needs memory OutOfDeviceMemory."""

    @property
    def name(self) -> str:
        """What its maker calls the device."""
        ...

    @property
    def capability(self) -> tuple[int, int]:
        """Of its architecture: (8, 9) is sm89."""
        ...

    @property
    def synchronisations(self) -> int:
        """How often the host has waited for the device so far."""
        ...

    def memory(self) -> tuple[int, int]:
        """Bytes of device memory: free, and in all."""
        ...

    def allocate(self, size: int) -> Address:
        """So many bytes on the device, not cleared. Not while capturing."""
        ...

    def pinned(self, size: int) -> Bytes:
        """So many bytes of page-locked host memory, not cleared: copies from elsewhere would wait. Not while capturing."""
        ...

    def stream(self) -> Stream: ...

    def event(self) -> Event: ...

    def clear(self, address: Address, size: int, stream: Stream) -> None:
        """Zero so many bytes."""
        ...

    def copy_in(self, to: Address, source: Bytes, stream: Stream) -> None:
        """Host to device. `source` is part of pinned memory, and is not written to before the copy has been made."""
        ...

    def copy_out(self, to: Bytes, source: Address, stream: Stream) -> None:
        """Device to host. `to` is part of pinned memory, and is not looked at before the copy has been made."""
        ...

    def copy_within(self, to: Address, source: Address, size: int, stream: Stream) -> None:
        """Device to device."""
        ...

    def record(self, event: Event, stream: Stream) -> None:
        """The event happens when everything given to the stream so far is done."""
        ...

    def wait(self, stream: Stream, event: Event) -> None:
        """What is given to the stream from now on waits for the event as last recorded."""
        ...

    def synchronise(self, event: Event) -> None:
        """The host waits for an event. Counted. Not while capturing."""
        ...

    def drain(self) -> None:
        """The host waits for everything. Counted. Not while capturing."""
        ...

    def compile(self, source: str, names: Sequence[str]) -> dict[str, Kernel]:
        """Kernels by name, of CUDA C++. Not while capturing."""
        ...

    def launch(
        self, kernel: Kernel, grid: tuple[int, int], block: int, arguments: Sequence[Argument], stream: Stream
    ) -> None: ...

    def capture(self, stream: Stream, fill: Callable[[], None]) -> Graph:
        """What `fill` gives to the stream, as a graph that is ready to be launched; none of it is done now.

        If `fill` raises, the stream is as before and the error goes on.
        """
        ...

    def instantiate(self, captured: int, stream: Stream) -> Graph:
        """A graph that a library has captured by itself, by the driver's handle of it, ready to be launched.

        The library's own may be destroyed afterwards. `stream` is the one that captured it.
        """
        ...

    def launch_graph(self, graph: Graph, stream: Stream) -> None: ...

    def close(self) -> None:
        """Wait for everything, then free everything. Again is nothing."""
        ...


def bytes_of(array: NDArray[Any]) -> Bytes:
    """The bytes that a contiguous array lies in."""
    return array.reshape(-1).view(np.uint8)


def aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
