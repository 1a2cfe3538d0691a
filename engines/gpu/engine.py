"""A student's networks on an NVIDIA GPU: the engine protocol, and ticks that overlap for those who want it.

Of a tick the host writes the rows into pinned memory, gives the device three pieces of work and waits once: the copies
in, one graph (encoder, opening, denoiser, closing, decoder), and the copy out. Each has a stream of its own, so that
the copies of neighbouring ticks lie beside the graph. `begin` and `finish` let the host's share lie beside it, too.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..engine import Conditioning, Painted, Row
from ..errors import EngineError
from ..families import family_of
from ..ports import AROUND_TICKS
from ..rows import NOT_A_NUMBER, time_ticks
from ..student import Student
from ..tokens import Tokens
from .buffers import Buffers, Lane
from .capture import CapturedTicks, TickSizes
from .cuda import Cuda, DeviceLost, OutOfDeviceMemory
from .fitting import check_network
from .kernels import Kernels
from .layout import LANES, Layout
from .memory import check_fits
from .network import Network, Networks
from .staging import Staged, Staging
from .text import Prompter

log = logging.getLogger(__name__)

_SETTLING = 2
"""Ticks of a size before it is timed: in the first the networks get ready, in the second the graph is captured."""


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A tick that was begun; only for `finish` of the engine that gave it."""

    rows: tuple[Row, ...]
    staged: Staged
    lane: Lane


class GpuEngine:
    """The engine protocol over loaded networks; `opening.open_engine` makes one with everything it needs.

    Takes over `cuda` and `networks`, and closes them. Raises EngineError if a network is not this student's, and
    OutOfDeviceMemory if the device is too small for ticks of the largest size.
    """

    def __init__(self, student: Student, batch_sizes: tuple[int, ...], networks: Networks, cuda: Cuda, tokens: Tokens) -> None:
        self.student, self.batch_sizes = student, tuple(sorted(set(batch_sizes)))
        self._networks, self._cuda = networks, cuda
        layout = Layout.of(student, self.batch_sizes[-1])
        loaded = {graph: {size: networks.load(graph, size) for size in self.batch_sizes} for graph in AROUND_TICKS}
        text = networks.load("text", 1)
        scratch = max(network.scratch for sizes in loaded.values() for network in sizes.values())
        needs = {"scratch": scratch + text.scratch, "latents and pictures": sum(layout.device_memory().values())}
        check_fits(cuda, needs, self.batch_sizes)
        check_network("text", 1, text, layout.ports["text"])
        self._prompter, self._tokens = Prompter(cuda, text, tokens), tokens
        self._buffers = Buffers(cuda, layout)
        self._bind(loaded, scratch)
        self._staging = Staging(layout, self.batch_sizes, family_of(student).mask_weights)
        self._graphs = CapturedTicks(cuda, loaded, Kernels(cuda, self._buffers), networks.captures(cuda))
        self._free = list(self._buffers.lanes)
        self._closed = False

    @property
    def backend(self) -> str:
        return self._networks.backend

    @property
    def precision(self) -> str:
        return self._networks.precision

    @property
    def device(self) -> str:
        return self._cuda.name

    @property
    def synchronisations(self) -> int:
        """How often the host has waited for the device: once for each tick, and once for each prompt."""
        return self._cuda.synchronisations

    @property
    def captured(self) -> tuple[int, int]:
        """Kinds of tick that are one CUDA graph, and all that have been met: alike in a warm engine, unless it said why not."""
        return len(self._graphs), self._graphs.kinds

    def warm_up(self) -> dict[int, float]:
        costs = time_ticks(self.student, self.batch_sizes, self.tick, self.condition(""), _SETTLING)
        self._capture_all()
        self._networks.settled()
        return costs

    def condition(self, prompt: str) -> Conditioning:
        """Encode a prompt. Ticks under way are not waited for."""
        return self._prompter.condition(prompt)

    def count_tokens(self, prompt: str) -> int:
        return self._tokens.count(prompt)

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        return self.finish(self.begin(rows)) if rows else []

    def begin(self, rows: Sequence[Row]) -> Ticket:
        """Give a tick to the device and do not wait for it. Two may be under way; ticks are done in the order begun.

        The rows' arrays are the caller's again when this returns. A job's next row may be begun before its last one is
        finished; if that one turns out to be an error, what the next one paints means nothing. Raises EngineError, and the
        tick has not happened: its rows may be begun again, but those whose latents are gone with it, which then say so.
        """
        if len(rows) > self.batch_sizes[-1]:
            raise EngineError(f"{len(rows)} rows in a tick; this engine was built for at most {self.batch_sizes[-1]}")
        if not rows:
            raise EngineError("a tick needs a row at least")
        if not self._free:
            raise EngineError(f"{LANES} ticks are under way: finish one before another is begun")
        lane, staged = self._free.pop(), Staged()
        try:
            self._staging.stage(rows, lane, staged)
            self._send(lane, staged, len(rows))
        except BaseException as error:
            raise self._failed(rows, staged, lane, error) from error
        for job in staged.closed:
            self.forget(job)
        return Ticket(tuple(rows), staged, lane)

    def finish(self, ticket: Ticket) -> list[Painted]:
        """Wait for a tick that was begun, and give what it painted. Raises EngineError if the device failed it."""
        rows, staged, lane = ticket.rows, ticket.staged, ticket.lane
        if staged.done:
            raise EngineError("this tick was finished before")
        staged.done = True
        try:
            self._cuda.synchronise(lane.left)
        except BaseException as error:
            raise self._failed(rows, staged, lane, error) from error
        painted = [self._painted(at, row, staged, lane) for at, row in enumerate(rows)]
        self._free.append(lane)
        return painted

    def forget(self, job: int) -> None:
        self._staging.forget(job)

    def close(self) -> None:
        """Wait for what is under way and free the device. Again is nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._cuda.drain()
        except EngineError as error:
            log.warning("the device had failed before it was closed: %s", error)
        self._networks.close()
        self._cuda.close()

    # the parts of a tick ---------------------------------------------------------------------------------------------

    def _send(self, lane: Lane, staged: Staged, rows: int) -> None:
        self._buffers.bring(lane, rows, staged.pictures, staged.noises, staged.masks)
        staged.launched = True
        self._graphs.launch(staged.sizes, self._buffers.compute)
        self._buffers.take_away(lane, staged.decoded)

    def _painted(self, at: int, row: Row, staged: Staged, lane: Lane) -> Painted:
        image = staged.images[at]
        if isinstance(image, str):
            return Painted(error=image)
        if lane.results.views["unsound"][at]:
            self.forget(row.job)
            return Painted(error=NOT_A_NUMBER)
        return Painted() if image is None else Painted(image=lane.results.views["pixels"][image].copy())

    def _failed(self, rows: Sequence[Row], staged: Staged, lane: Lane, error: BaseException) -> BaseException:
        """Put everything back to where a tick may begin; the error to raise."""
        try:
            self._cuda.drain()  # or what did begin would still read and write the lane
        except EngineError as lost:
            log.error("the device does not answer any more: %s", lost)
            error = lost if isinstance(lost, DeviceLost) else error
        self._staging.noises.clear()  # some may not have arrived
        for job in staged.opened:
            self.forget(job)
        if staged.launched:
            for row in rows:
                if not row.last:  # nobody knows whether its slot was written
                    self.forget(row.job)
        self._free.append(lane)
        said = f"a tick of {len(rows)} rows failed: {error}"
        for kind in (OutOfDeviceMemory, DeviceLost, EngineError):
            if isinstance(error, kind):
                return kind(said)
        return error

    # getting ready ---------------------------------------------------------------------------------------------------

    def _bind(self, loaded: Mapping[str, Mapping[int, Network]], scratch: int) -> None:
        shared = self._cuda.allocate(scratch) if scratch else 0
        for graph, addresses in self._buffers.addresses().items():
            for size, network in loaded[graph].items():
                check_network(graph, size, network, self._buffers.layout.ports[graph])
                network.bind({name: addresses[name] for name in network.tensors}, shared)

    def _capture_all(self) -> None:
        """Capture every kind of tick that this student's rows can make, so that no live tick has to wait for it."""
        several = self.student.longest_job > 1
        for size in self.batch_sizes:
            fewer = [0, *(other for other in self.batch_sizes if other <= size)]
            for encode in fewer if self.student.img2img else [0]:
                for decode in fewer if several else [size]:
                    self._graphs.prepare(TickSizes(size, encode, decode))
