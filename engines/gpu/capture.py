"""Ticks as graphs: everything that the device does for one kind of tick, recorded once and launched by one call."""

import gc
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import EngineError
from .cuda import Cuda, Graph, Stream
from .kernels import Kernels
from .network import Capture, Network

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TickSizes:
    """Compiled sizes at which a tick runs its denoiser, its encoder and its decoder; 0 is not at all.

    Stills need no encoder and rows that go on no decoder, and of a tick of several steps only some rows need either.
    """

    size: int
    encode: int
    decode: int


class CapturedTicks:
    """The graphs of an engine's ticks, by kind: there are few, and each is captured when it is first needed.

    A network's first run is never captured, since its library gets ready in it. `captures` are the ways to do it, the best
    first; once one has worked it is the first. A kind that cannot be captured is run call by call, which is slower and said
    once.
    """

    def __init__(
        self,
        cuda: Cuda,
        networks: Mapping[str, Mapping[int, Network]],
        kernels: Kernels,
        captures: Sequence[Capture],
    ) -> None:
        self._cuda, self._networks, self._kernels, self._captures = cuda, networks, kernels, list(captures)
        self._capturing = cuda.stream()  # its own, so that a capture that fails harms no other
        self._graphs: dict[TickSizes, Graph | None] = {}
        self._run: set[tuple[str, int]] = set()

    def __len__(self) -> int:
        """How many kinds have been captured."""
        return sum(graph is not None for graph in self._graphs.values())

    @property
    def kinds(self) -> int:
        """How many kinds have been tried."""
        return len(self._graphs)

    def launch(self, kind: TickSizes, stream: Stream) -> None:
        """Give a tick of this kind to the stream. Raises EngineError."""
        graph = self.prepare(kind)
        if graph is None:
            self._enqueue(kind, stream)
            self._run |= _parts(kind)
        else:
            self._cuda.launch_graph(graph, stream)

    def prepare(self, kind: TickSizes) -> Graph | None:
        """The graph of a kind; None if it cannot be captured, or not yet."""
        if kind in self._graphs:
            return self._graphs[kind]
        if not _parts(kind) <= self._run:
            return None
        with _nothing_collected():
            self._graphs[kind] = self._capture(kind)
        return self._graphs[kind]

    def _capture(self, kind: TickSizes) -> Graph | None:
        stream, reasons = self._capturing, list[str]()
        refusing = [f"{graph} of {size}" for graph, size in sorted(_parts(kind))
                    if not self._networks[graph][size].may_be_captured(stream)]  # fmt: skip
        if refusing:
            reasons.append(f"the library of {' and '.join(refusing)} says that it cannot be captured")
        for way in () if refusing else tuple(self._captures):
            try:
                graph = way(stream, lambda: self._enqueue(kind, stream))
            except EngineError as error:
                reasons.append(str(error))
                continue
            self._captures.remove(way)
            self._captures.insert(0, way)
            return graph
        said = "; and then: ".join(dict.fromkeys(reasons))
        log.warning("ticks of %d rows run without a CUDA graph, and so more slowly: %s", kind.size, said)
        return None

    def _enqueue(self, kind: TickSizes, stream: Stream) -> None:
        if kind.encode:
            self._networks["encode"][kind.encode].enqueue(stream)
        self._kernels.open_rows(kind.size, stream)
        self._networks["denoise"][kind.size].enqueue(stream)
        self._kernels.close_rows(kind.size, stream)
        if kind.decode:
            self._networks["decode"][kind.decode].enqueue(stream)


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Garbage is left until the capture is over: what of another engine's is unloaded or freed in it would end it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _parts(kind: TickSizes) -> set[tuple[str, int]]:
    parts = {("encode", kind.encode), ("denoise", kind.size), ("decode", kind.decode)}
    return {(graph, size) for graph, size in parts if size}
