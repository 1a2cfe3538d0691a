"""The CUDA calls themselves, on whatever device there is."""

import numpy as np
import pytest

from engines.gpu.cuda import CudaError, OutOfDeviceMemory
from engines.gpu.driver import Driver
from tests.gpu.device import SOURCE, read

pytestmark = pytest.mark.short


def test_what_it_is(cuda: Driver) -> None:
    """A device has a name, a capability, and memory of which some is free."""
    free, total = cuda.memory()
    assert cuda.name
    assert cuda.capability >= (7, 5)
    assert 0 < free <= total


def test_copies(cuda: Driver) -> None:
    """Bytes go to the device, within it, and back; and can be cleared."""
    stream, one, other = cuda.stream(), cuda.allocate(1000), cuda.allocate(1000)
    host = cuda.pinned(1000)
    host[:] = np.arange(1000) % 251
    cuda.copy_in(one, host, stream)
    cuda.copy_within(other, one, 1000, stream)
    cuda.clear(other + 10, 20, stream)
    got = read(cuda, other, 1000)
    expected = np.arange(1000) % 251
    expected[10:30] = 0
    np.testing.assert_array_equal(got, expected)


def test_kernels_take_addresses_and_numbers(cuda: Driver) -> None:
    """A kernel sees what it was launched with, and where in the grid it is."""
    stream, to, source, host = cuda.stream(), cuda.allocate(1024), cuda.allocate(1024), cuda.pinned(1024)
    host.view(np.int32)[:] = np.arange(256)
    cuda.copy_in(source, host, stream)
    kernel = cuda.compile(SOURCE, ("add",))["add"]
    cuda.launch(kernel, (2, 1), 128, (to, source, np.int32(-7)), stream)
    np.testing.assert_array_equal(read(cuda, to, 1024).view(np.int32), np.arange(256) - 7)


def test_a_graph(cuda: Driver) -> None:
    """What is captured is done at each launch and not before, with what memory holds then."""
    stream, capturing = cuda.stream(), cuda.stream()
    one, other, host = cuda.allocate(4), cuda.allocate(4), cuda.pinned(4)
    host[:] = 1
    cuda.copy_in(one, host, stream)
    cuda.clear(other, 4, stream)
    cuda.drain()
    kernel = cuda.compile(SOURCE, ("add",))["add"]
    graph = cuda.capture(capturing, lambda: cuda.launch(kernel, (1, 1), 1, (one, one, np.int32(1)), capturing))
    assert read(cuda, one, 4).view(np.int32) == 0x01010101
    for _ in range(3):
        cuda.launch_graph(graph, stream)
    assert read(cuda, one, 4).view(np.int32) == 0x01010104


def test_a_capture_that_fails(cuda: Driver) -> None:
    """A capture that fails raises what failed it, and the stream can be captured again."""
    stream, at = cuda.stream(), cuda.allocate(4)

    def fail() -> None:
        cuda.clear(at, 4, stream)
        raise CudaError("no")

    with pytest.raises(CudaError, match="no"):
        cuda.capture(stream, fail)
    cuda.launch_graph(cuda.capture(stream, lambda: cuda.clear(at, 4, stream)), stream)
    assert not read(cuda, at, 4).any()


def test_events_order_streams(cuda: Driver) -> None:
    """A stream that waits for an event sees what was done before it."""
    one, other, event = cuda.stream(), cuda.stream(), cuda.event()
    first, second, host, back = cuda.allocate(1 << 20), cuda.allocate(1 << 20), cuda.pinned(1 << 20), cuda.pinned(1 << 20)
    for value in range(1, 6):
        host[:] = value
        cuda.copy_in(first, host, one)
        cuda.record(event, one)
        cuda.wait(other, event)
        cuda.copy_within(second, first, 1 << 20, other)
        cuda.copy_out(back, second, other)
        done = cuda.event()
        cuda.record(done, other)
        cuda.synchronise(done)
        assert (back == value).all()
    assert cuda.synchronisations == 5


def test_too_much_memory(cuda: Driver) -> None:
    """More memory than there is is refused as such, and the device goes on."""
    with pytest.raises(OutOfDeviceMemory, match="smaller ticks"):
        cuda.allocate(cuda.memory()[1] + 1)
    cuda.allocate(8)


def test_closing_frees(cuda: Driver) -> None:
    """What was allocated is free again after closing, and closing again is nothing."""
    other = Driver()
    before = cuda.memory()[0]
    other.allocate(64 << 20)
    assert cuda.memory()[0] <= before - (64 << 20)
    other.close()
    other.close()
    assert cuda.memory()[0] >= before - (8 << 20)


def test_a_device_that_is_not_there() -> None:
    """A number beyond the devices is refused, with how many there are."""
    from tests.gpu.device import open_driver

    open_driver().close()
    with pytest.raises(CudaError, match="no GPU 99: there are"):
        Driver(99)
