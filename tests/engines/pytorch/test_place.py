"""Torch's place on a GPU where there is none: what its own way of capturing asks of torch, and in which order."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from engines.errors import EngineError
from engines.gpu.cuda import CudaError, Stream
from engines.pytorch.place import CudaPlace

STREAM = Stream(7)


class Graphs:
    """torch.cuda.CUDAGraph as far as it is asked; `failing` is the call that torch refuses."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.failing = ""

    def __call__(self, keep_graph: bool) -> "Graphs":
        self.calls.append(f"graph, kept: {keep_graph}")
        return self

    def capture_begin(self, pool: Any, capture_error_mode: str) -> None:
        self._called(f"begin {pool} {capture_error_mode}")

    def capture_end(self) -> None:
        self._called("end")

    def raw_cuda_graph(self) -> int:
        self._called("handle")
        return 55

    def reset(self) -> None:
        self._called("reset")

    def _called(self, call: str) -> None:
        self.calls.append(call)
        if self.failing and call.startswith(self.failing):
            raise RuntimeError(f"torch refuses to {self.failing}")


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Graphs:
    made = Graphs()
    monkeypatch.setattr(torch.cuda, "CUDAGraph", made)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: made.calls.append("empty"))
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: None, raising=False)
    return made


@pytest.fixture
def place(graphs: Graphs) -> CudaPlace:
    """Without what it asks of a GPU when it is made."""

    class Place(CudaPlace):
        def __init__(self) -> None:
            self._pool, self._streams, self._captured = SimpleNamespace(id=(1, 2)), {}, []

        def on(self, stream: Stream) -> AbstractContextManager[Any]:
            @contextmanager
            def scope() -> Iterator[None]:
                graphs.calls.append(f"on {stream}")
                yield
                graphs.calls.append("off")

            return scope()

    return Place()


def test_a_capture(place: CudaPlace, graphs: Graphs) -> None:
    """It is begun on the runtime's stream, in the engine's pool, for this thread alone, and its graph is kept until the end."""
    assert place.capture(STREAM, lambda: graphs.calls.append("filled")) == 55
    begun = "begin (1, 2) thread_local"
    assert graphs.calls == ["graph, kept: True", "on 7", begun, "filled", "end", "handle", "off"]
    graphs.calls.clear()
    place.close()
    assert graphs.calls == ["reset", "empty"]


def test_what_fails_in_it_goes_on(place: CudaPlace, graphs: Graphs) -> None:
    """The capture is ended, whatever torch says of that, and the error is the one that was raised."""
    graphs.failing = "end"

    def fail() -> None:
        raise EngineError("no kernel")

    with pytest.raises(EngineError, match="no kernel"):
        place.capture(STREAM, fail)
    assert graphs.calls[-1] == "end"
    graphs.calls.clear()
    place.close()
    assert "reset" not in graphs.calls


def test_the_devices_seconds(place: CudaPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device idles until the host has given it every run of a measurement; the least of several counts."""
    done: list[str] = []
    times = iter([30.0, 20.0, 25.0, 40.0, 50.0])

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            done.append("event")

        def synchronize(self) -> None:
            done.append("waited")

        def elapsed_time(self, other: "Event") -> float:
            return next(times)

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "_sleep", lambda cycles: done.append("idle"))
    assert place.seconds(lambda: done.append("run")) == pytest.approx(0.02 / 10)
    settled = done.index("idle")
    assert set(done[:settled]) == {"run"}
    assert done[settled : settled + 14] == ["idle", "event", *["run"] * 10, "event", "waited"]


@pytest.mark.parametrize("failing", ["begin", "end", "handle"])
def test_what_torch_refuses(failing: str, place: CudaPlace, graphs: Graphs) -> None:
    """Torch's own errors are the runtime's: the kind of tick runs call by call then."""
    graphs.failing = failing
    with pytest.raises(CudaError, match=f"torch refuses to {failing}"):
        place.capture(STREAM, lambda: None)
