"""A CUDA device that is none: it records what it is told, does it as late as it may, and objects to what is wrong.

Work on a stream waits until the host waits for it, so whoever looks too early finds what was there before. Every piece
of work knows, by a vector clock, what must have happened before it; two that touch the same bytes, one of them writing,
and are not ordered, are a race. Memory is at addresses that no process has, and is full of NaN at first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from engines.gpu.cuda import (
    ALIGNMENT,
    Address,
    Argument,
    Bytes,
    CudaError,
    Event,
    Graph,
    Kernel,
    OutOfDeviceMemory,
    Stream,
    aligned,
)

Clock = dict[int, int]
"""Stream to how many pieces of its work are known to be done."""


class Wrong(AssertionError):
    """The runtime did what a device would punish, now or on a bad day."""


@dataclass(eq=False)
class Memory:
    """One allocation, on the device or pinned on the host."""

    start: int
    bytes: Bytes
    host: bool
    live: bool = True

    @property
    def end(self) -> int:
        return self.start + self.bytes.size


@dataclass(eq=False)
class Touch:
    """What one piece of work did to a range of one allocation."""

    memory: Memory
    start: int
    end: int
    writes: bool
    work: "Work"


@dataclass(eq=False)
class Work:
    """A piece of work: on a stream the how-manieth, after what, and what it does when its time comes."""

    name: str
    stream: Stream
    number: int
    after: Clock
    do: Callable[["Reach"], None]
    done: bool = False


@dataclass(eq=False)
class _StreamState:
    given: int = 0
    after: Clock = field(default_factory=dict)


class Reach:
    """How work gets at memory: every access is checked, and remembered for the sake of others."""

    def __init__(self, double: "CudaDouble", work: Work) -> None:
        self._double, self._work = double, work

    def read(self, address: Address, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """A copy of an array at an address."""
        return self._touch(address, shape, dtype, False).copy()

    def write(self, address: Address, array: NDArray[Any]) -> None:
        self._touch(address, array.shape, array.dtype, True)[...] = array

    def _touch(self, address: Address, shape: tuple[int, ...], dtype: DTypeLike, writes: bool) -> NDArray[Any]:
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        memory = self._double.find(address, size, self._work.name)
        start = address - memory.start
        self._double.touched(Touch(memory, start, start + size, writes, self._work))
        return memory.bytes[start : start + size].view(dtype).reshape(shape)


class CudaDouble:
    """Implements `Cuda`. `size` is its memory in bytes. `calls` has the name of everything that was asked for.

    `fail` makes a coming call of a name raise, as `device.fail("launch_graph", OutOfDeviceMemory("full"))`.
    """

    name = "a double"
    capability = (8, 9)

    def __init__(self, size: int = 1 << 30) -> None:
        self.calls: list[str] = []
        self.synchronisations = 0
        self.kernels: list[str] = []
        self.allocated = 0
        self.closed = False
        self._size = size
        self._memories: list[Memory] = []
        self._next = 0x7F00_0000_0000
        self._streams: dict[Stream, _StreamState] = {}
        self._pending: list[Work] = []
        self._recent: list[Touch] = []
        self._host: Clock = {}
        self._events: dict[Event, tuple[Clock, bool] | None] = {}
        self._graphs: dict[Graph, list[tuple[str, Callable[[Reach], None]]]] = {}
        self._capturing: tuple[Stream, list[tuple[str, Callable[[Reach], None]]]] | None = None
        self._captured: dict[int, list[tuple[str, Callable[[Reach], None]]]] = {}
        self._failures: dict[str, list[Exception]] = {}

    # what a test may ask ----------------------------------------------------------------------------------------------

    def fail(self, name: str, error: Exception) -> None:
        """The next call of that name raises."""
        self._failures.setdefault(name, []).append(error)

    def look(self, address: Address, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """What lies on the device when everything given so far is done."""
        self._perform(None)
        size = int(np.prod(shape)) * np.dtype(dtype).itemsize
        memory = self.find(address, size, "a test")
        start = address - memory.start
        return memory.bytes[start : start + size].view(dtype).reshape(shape).copy()

    @property
    def capturing(self) -> bool:
        return self._capturing is not None

    def pending(self) -> list[str]:
        """Work that was given and not waited for, by name."""
        return [work.name for work in self._pending]

    def submit(self, name: str, stream: Stream, do: Callable[[Reach], None]) -> None:
        """Give a stream any work: what stands in for networks uses it. In a graph if the stream is capturing."""
        if self._capturing is not None and self._capturing[0] == stream:
            self._capturing[1].append((name, do))
            return
        state = self._streams[stream]
        state.given += 1
        state.after = _join(state.after, self._host)
        self._pending.append(Work(name, stream, state.given, dict(state.after), do))
        state.after[stream] = state.given

    def captured_by_a_library(self, stream: Stream, fill: Callable[[], None]) -> int:
        """What a library that captures by itself does: the handle is for `instantiate`."""
        self._capturing = (stream, [])
        try:
            fill()
            nodes = self._capturing[1]
        finally:
            self._capturing = None
        handle = 7000 + len(self.calls)
        self._captured[handle] = nodes
        return handle

    def find(self, address: Address, size: int, who: str) -> Memory:
        for memory in self._memories:
            if not memory.host and memory.start <= address < memory.end:
                if not memory.live:
                    raise Wrong(f"{who} uses memory that was freed")
                if address + size > memory.end:
                    raise Wrong(f"{who} goes {address + size - memory.end} bytes past the end of an allocation")
                return memory
        raise Wrong(f"{who} uses {address:#x}, where nothing was allocated")

    def touched(self, touch: Touch) -> None:
        for other in self._recent:
            if (
                other.memory is touch.memory
                and other.work is not touch.work
                and (other.writes or touch.writes)
                and other.start < touch.end
                and touch.start < other.end
                and not _before(other.work, touch.work)
                and not _before(touch.work, other.work)
            ):
                raise Wrong(f"a race: {other.work.name} and {touch.work.name} are not ordered, and one of them writes")
        self._recent.append(touch)

    # Cuda -------------------------------------------------------------------------------------------------------------

    def memory(self) -> tuple[int, int]:
        self._called("memory")
        return self._size - self.allocated, self._size

    def allocate(self, size: int) -> Address:
        self._called("allocate", capturable=False)
        if size <= 0:
            raise CudaError("an allocation of nothing")
        if self.allocated + size > self._size:
            raise OutOfDeviceMemory(f"out of device memory: {size} bytes")
        self.allocated += size
        return self._allocate(size, False).start

    def pinned(self, size: int) -> Bytes:
        self._called("pinned", capturable=False)
        return self._allocate(size, True).bytes

    def stream(self) -> Stream:
        self._called("stream")
        stream = Stream(100 + len(self._streams))
        self._streams[stream] = _StreamState()
        return stream

    def event(self) -> Event:
        self._called("event")
        event = Event(500 + len(self._events))
        self._events[event] = None
        return event

    def clear(self, address: Address, size: int, stream: Stream) -> None:
        self._called("clear")
        self.submit("clear", stream, lambda reach: reach.write(address, np.zeros(size, np.uint8)))

    def copy_in(self, to: Address, source: Bytes, stream: Stream) -> None:
        self._called("copy_in", capturable=False)
        self._pinned_view(source)
        seen = source.copy()

        def copy(reach: Reach) -> None:
            if not np.array_equal(source, seen):
                raise Wrong("pinned memory was written to while it was being copied to the device")
            reach.write(to, source)

        self.find(to, source.size, "copy_in")
        self.submit("copy_in", stream, copy)

    def copy_out(self, to: Bytes, source: Address, stream: Stream) -> None:
        self._called("copy_out", capturable=False)
        self._pinned_view(to)
        to[:] = _UNREAD  # whoever looks before it has come sees this

        def copy(reach: Reach) -> None:
            if (to != _UNREAD).any():
                raise Wrong("pinned memory was written to while it was being copied from the device")
            to[:] = reach.read(source, (to.size,), np.uint8)

        self.find(source, to.size, "copy_out")
        self.submit("copy_out", stream, copy)

    def copy_within(self, to: Address, source: Address, size: int, stream: Stream) -> None:
        self._called("copy_within")
        self.find(to, size, "copy_within")
        self.find(source, size, "copy_within")
        self.submit("copy_within", stream, lambda reach: reach.write(to, reach.read(source, (size,), np.uint8)))

    def record(self, event: Event, stream: Stream) -> None:
        self._called("record")
        captured = self._capturing is not None and self._capturing[0] == stream
        self._events[event] = (_join(self._streams[stream].after, self._host), captured)

    def wait(self, stream: Stream, event: Event) -> None:
        self._called("wait")
        recorded = self._events[event]
        if recorded is None:
            return  # as on a device: an event that was never recorded has happened
        clock, captured = recorded
        if captured != (self._capturing is not None and self._capturing[0] == stream):
            raise Wrong("a wait, in a capture or out of it, for an event of the other side")
        self._streams[stream].after = _join(self._streams[stream].after, clock)

    def synchronise(self, event: Event) -> None:
        self._called("synchronise", capturable=False)
        self.synchronisations += 1
        recorded = self._events[event]
        if recorded is not None:
            self._perform(recorded[0])

    def drain(self) -> None:
        self._called("drain", capturable=False)
        self.synchronisations += 1
        self._perform(None)

    def compile(self, source: str, names: Sequence[str]) -> dict[str, Kernel]:
        self._called("compile", capturable=False)
        for name in names:
            assert name in source
            self.kernels.append(name)
        return {name: Kernel(self.kernels.index(name)) for name in names}

    def launch(self, kernel: Kernel, grid: tuple[int, int], block: int, arguments: Sequence[Argument], stream: Stream) -> None:
        self._called("launch")
        name = self.kernels[kernel]
        self.submit(name, stream, lambda reach: KERNELS[name](reach, grid, block, arguments))

    def capture(self, stream: Stream, fill: Callable[[], None]) -> Graph:
        self._called("capture", capturable=False)
        return self.instantiate(self.captured_by_a_library(stream, fill), stream)

    def instantiate(self, captured: int, stream: Stream) -> Graph:
        self._called("instantiate", capturable=False)
        graph = Graph(900 + len(self._graphs))
        self._graphs[graph] = self._captured.pop(captured)
        return graph

    def launch_graph(self, graph: Graph, stream: Stream) -> None:
        self._called("launch_graph", capturable=False)
        nodes = self._graphs[graph]

        def run(reach: Reach) -> None:
            for _, do in nodes:
                do(reach)

        self.submit(f"graph of {', '.join(name for name, _ in nodes)}", stream, run)

    def close(self) -> None:
        self.calls.append("close")
        self._perform(None)
        for memory in self._memories:
            memory.live = False
        self.closed = True

    # within -----------------------------------------------------------------------------------------------------------

    def _called(self, name: str, capturable: bool = True) -> None:
        if self.closed:
            raise Wrong(f"{name} after close")
        self.calls.append(name)
        if self._failures.get(name):
            raise self._failures[name].pop(0)
        if self._capturing is not None and not capturable:
            raise Wrong(f"{name} during a capture")

    def _allocate(self, size: int, host: bool) -> Memory:
        array = np.full(size, 0xFF, np.uint8)
        start = array.ctypes.data if host else self._next
        if not host:
            self._next += aligned(size) + ALIGNMENT  # with a gap, so that no allocation ends where another begins
        self._memories.append(Memory(start, array, host))
        return self._memories[-1]

    def _pinned_view(self, view: Bytes) -> None:
        if not view.flags.c_contiguous:
            raise Wrong("a copy of scattered memory")
        at = view.ctypes.data
        for memory in self._memories:
            if memory.host and memory.live and memory.start <= at and at + view.nbytes <= memory.end:
                return
        raise Wrong("a copy to or from memory that is not pinned")

    def _perform(self, until: Clock | None) -> None:
        """Do what must be done for the host to know `until`, and nothing else; everything for None."""
        if until is None:
            until = {stream: state.given for stream, state in self._streams.items()}
        for work in list(self._pending):
            if until.get(work.stream, 0) >= work.number:
                self._pending.remove(work)
                work.do(Reach(self, work))
        self._host = _join(self._host, until)
        # of no interest any more is what the host and all that still waits come after
        clocks = [self._host, *(work.after for work in self._pending)]
        self._recent = [
            touch for touch in self._recent if any(clock.get(touch.work.stream, 0) < touch.work.number for clock in clocks)
        ]


_UNREAD = 0xA5


def _join(a: Clock, b: Clock) -> Clock:
    return {stream: max(a.get(stream, 0), b.get(stream, 0)) for stream in a.keys() | b.keys()}


def _before(a: Work, b: Work) -> bool:
    return b.after.get(a.stream, 0) >= a.number


# kernels.cu in numpy: the same products and sums, each rounded -----------------------------------------------------------


def _rows(grid: tuple[int, int], block: int, length: int) -> Iterator[int]:
    assert grid[0] * block >= length > (grid[0] - 1) * block, "a grid that does not fit the row"
    yield from range(grid[1])


def _open_rows(reach: Reach, grid: tuple[int, int], block: int, arguments: Sequence[Argument]) -> None:
    x, unsound, originals, a_img, a_z, opened, encoded, noise, masked, slots, pictures, noises, n = (int(a) for a in arguments)
    rows = grid[1]
    share_img, share_z = reach.read(a_img, (rows,)), reach.read(a_z, (rows,))
    slot_of, picture_of, noise_of, mask_of = (reach.read(at, (rows,), np.int32) for at in (opened, encoded, noise, masked))
    reach.write(unsound, np.zeros(rows, np.int32))
    for row in _rows(grid, block, n):
        value = np.zeros(n, np.float32)
        if slot_of[row] >= 0:
            value = reach.read(slots + 4 * n * int(slot_of[row]), (n,))
        elif noise_of[row] >= 0:
            value = share_z[row] * reach.read(noises + 4 * n * int(noise_of[row]), (n,))
            if picture_of[row] >= 0:
                picture = reach.read(pictures + 4 * n * int(picture_of[row]), (n,))
                value = value + share_img[row] * picture
                if mask_of[row] >= 0:
                    reach.write(originals + 4 * n * int(mask_of[row]), picture)
        reach.write(x + 4 * n * row, value.astype(np.float32))


def _close_rows(reach: Reach, grid: tuple[int, int], block: int, arguments: Sequence[Argument]) -> None:
    decoding, slots, unsound, x0, alpha, sigma, keep_img, keep_z, *places, noises, masks, originals, n = (
        int(a) for a in arguments
    )
    rows = grid[1]
    decoded, kept, noise_next, masked, keep_noise = places
    share_img, share_z = reach.read(keep_img, (rows,)), reach.read(keep_z, (rows,))
    mask_of, keep_of = (reach.read(at, (rows,), np.int32) for at in (masked, keep_noise))
    share_x0, share_noise = reach.read(alpha, (rows,)), reach.read(sigma, (rows,))
    place_of, slot_of, noise_of = (reach.read(at, (rows,), np.int32) for at in (decoded, kept, noise_next))
    for row in _rows(grid, block, n):
        value = reach.read(x0 + 4 * n * row, (n,))
        if not np.isfinite(value).all():
            reach.write(unsound + 4 * row, np.ones(1, np.int32))
        if mask_of[row] >= 0:
            weights = reach.read(masks + 4 * n * int(mask_of[row]), (n,))
            picture = share_img[row] * reach.read(originals + 4 * n * int(mask_of[row]), (n,))
            if keep_of[row] >= 0:
                picture = picture + share_z[row] * reach.read(noises + 4 * n * int(keep_of[row]), (n,))
            with np.errstate(invalid="ignore", over="ignore"):  # of what is no number
                between = picture + weights * (value - picture)
            value = np.where(weights <= 0, picture, np.where(weights < 1, between, value))
        if place_of[row] >= 0:
            reach.write(decoding + 4 * n * int(place_of[row]), value)
        if slot_of[row] >= 0:
            fresh = reach.read(noises + 4 * n * int(noise_of[row]), (n,))
            reach.write(slots + 4 * n * int(slot_of[row]), share_x0[row] * value + share_noise[row] * fresh)


KERNELS: dict[str, Callable[[Reach, tuple[int, int], int, Sequence[Argument]], None]] = {
    "open_rows": _open_rows,
    "close_rows": _close_rows,
}
