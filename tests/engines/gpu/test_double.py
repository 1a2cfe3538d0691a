"""The double objects to what a device would punish: else what passes on it would prove nothing."""

import numpy as np
import pytest

from engines.gpu.cuda import OutOfDeviceMemory
from tests.engines.gpu.double import CudaDouble, Wrong


@pytest.fixture
def double() -> CudaDouble:
    return CudaDouble(1 << 20)


def test_late(double: CudaDouble) -> None:
    """A copy out is not there before the host has waited for it, and is afterwards."""
    stream, event, device, host = double.stream(), double.event(), double.allocate(8), double.pinned(8)
    double.clear(device, 8, stream)
    double.copy_out(host, device, stream)
    double.record(event, stream)
    assert host.any()
    double.synchronise(event)
    assert not host.any()


def test_a_wait_is_for_its_event_only(double: CudaDouble) -> None:
    """What was given after the event was recorded is still to be done when the host has waited for it."""
    stream, event, device = double.stream(), double.event(), double.allocate(8)
    double.record(event, stream)
    double.clear(device, 8, stream)
    double.synchronise(event)
    assert double.pending() == ["clear"]


def test_what_is_being_copied_is_left_alone(double: CudaDouble) -> None:
    """Pinned memory that is written to before its copy was made is noticed."""
    stream, device, host = double.stream(), double.allocate(8), double.pinned(8)
    host[:] = 1
    double.copy_in(device, host, stream)
    host[3] = 2
    with pytest.raises(Wrong, match="written to while"):
        double.drain()


def test_races(double: CudaDouble) -> None:
    """Two streams that write to the same bytes are a race, unless one waits for the other."""
    one, other, event, device = double.stream(), double.stream(), double.event(), double.allocate(512)
    double.clear(device, 256, one)
    double.clear(device + 256, 256, other)
    double.drain()
    double.clear(device, 256, one)
    double.record(event, one)
    double.wait(other, event)
    double.clear(device, 256, other)
    double.drain()
    double.clear(device, 256, one)
    double.clear(device + 255, 8, other)
    with pytest.raises(Wrong, match="race"):
        double.drain()


def test_a_race_with_what_the_host_has_waited_for_since(double: CudaDouble) -> None:
    """Work that was given before the host had waited for other work is not ordered after that."""
    one, other, event, device = double.stream(), double.stream(), double.event(), double.allocate(8)
    double.clear(device, 8, one)
    double.record(event, one)
    double.clear(device, 8, other)
    double.synchronise(event)
    with pytest.raises(Wrong, match="race"):
        double.drain()


def test_given_after_the_host_had_waited(double: CudaDouble) -> None:
    """Work that is given when the host has waited for other work comes after that."""
    one, other, device = double.stream(), double.stream(), double.allocate(8)
    double.clear(device, 8, one)
    double.drain()
    double.clear(device, 8, other)
    double.drain()


def test_memory(double: CudaDouble) -> None:
    """Memory that is not allocated, not pinned, too short or too much is noticed."""
    stream, device, host = double.stream(), double.allocate(8), double.pinned(8)
    with pytest.raises(Wrong, match="nothing was allocated"):
        double.copy_in(device - 8, host, stream)
    with pytest.raises(Wrong, match="past the end"):
        double.copy_in(device + 1, host, stream)
    with pytest.raises(Wrong, match="not pinned"):
        double.copy_in(device, np.zeros(8, np.uint8), stream)
    with pytest.raises(OutOfDeviceMemory):
        double.allocate(1 << 20)


def test_after_the_end(double: CudaDouble) -> None:
    """Nothing is done after close, and nothing given before is left undone."""
    stream, device = double.stream(), double.allocate(8)
    double.clear(device, 8, stream)
    double.close()
    assert double.pending() == []
    with pytest.raises(Wrong, match="after close"):
        double.allocate(8)


def test_a_graph_is_done_when_it_is_launched(double: CudaDouble) -> None:
    """What is captured is not done, and is done anew, in order, with each launch."""
    stream, capturing = double.stream(), double.stream()
    one, other = double.allocate(4), double.allocate(4)

    def fill() -> None:
        double.copy_within(other, one, 4, capturing)
        double.clear(one, 4, capturing)

    graph = double.capture(capturing, fill)
    assert double.look(other, (1,), np.uint32)[0] == 0xFFFFFFFF
    double.clear(other, 4, stream)
    double.launch_graph(graph, stream)
    assert double.look(other, (1,), np.uint32)[0] == 0xFFFFFFFF
    double.launch_graph(graph, stream)
    assert double.look(other, (1,), np.uint32)[0] == 0


@pytest.mark.parametrize("what", ["allocate", "pinned", "synchronise", "drain", "compile"])
def test_what_must_not_be_captured(double: CudaDouble, what: str) -> None:
    """Nothing is allocated, compiled or waited for in a capture."""
    stream, event = double.stream(), double.event()
    arguments = {"allocate": (8,), "pinned": (8,), "synchronise": (event,), "drain": (), "compile": ("", ())}[what]
    with pytest.raises(Wrong, match="capture"):
        double.capture(stream, lambda: getattr(double, what)(*arguments))


def test_events_on_either_side_of_a_capture(double: CudaDouble) -> None:
    """A capture waits for no event from outside it."""
    stream, outside, event = double.stream(), double.stream(), double.event()
    double.record(event, outside)
    with pytest.raises(Wrong, match="other side"):
        double.capture(stream, lambda: double.wait(stream, event))
