"""Where torch's networks run: on the device that the runtime drives, in its memory and on its streams."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch

from ..errors import EngineError
from ..gpu.cuda import Address, Cuda, CudaError, Stream
from ..gpu.network import Tensor

log = logging.getLogger(__name__)

_SETTLING, _TIMED, _IN_A_ROW = 3, 5, 10
"""Runs before any that counts, measurements, and runs of each."""
_HEAD_START = 4_000_000
"""Cycles that the device idles before what is measured, some two milliseconds: by then the host has given it all the runs, and
what is measured is the device's time, not Python's, which no captured tick takes."""


class Place(Protocol):
    """One device of torch's."""

    @property
    def device(self) -> torch.device: ...

    def view(self, address: Address, tensor: Tensor) -> torch.Tensor:
        """The memory there as a tensor: a view, which keeps nothing alive."""
        ...

    def on(self, stream: Stream) -> AbstractContextManager[Any]:
        """Within it torch gives its work to this stream."""
        ...

    def pooled(self) -> AbstractContextManager[Any]:
        """Within it torch's memory is of a pool that outlives what is captured."""
        ...

    def capture(self, stream: Stream, fill: Callable[[], None]) -> int:
        """What `fill` gives to the stream, captured by torch itself, in memory of the same pool: the driver's handle of it.

        If `fill` raises, the stream is as before and the error goes on; CudaError if torch cannot.
        """
        ...

    @property
    def seconds(self) -> Callable[[Callable[[], Any]], float] | None:
        """Times what a function gives to the current stream: the device's seconds, the least of several runs, the first of
        which do not count. Waits for the device. None where nothing is chosen by timing."""
        ...

    def trim(self) -> None:
        """Give memory that torch holds and does not use back to the device."""
        ...

    def close(self) -> None:
        """Nothing that was captured is launched any more. Nothing of torch's runs on the streams."""
        ...


class CudaPlace:
    """The GPU with this number, which the calling thread drives from now on. Raises EngineError if torch cannot use it.

    Streams and memory are the runtime's own: torch and the driver share the device's primary context.
    """

    def __init__(self, cuda: Cuda, number: int) -> None:
        _check(cuda, number)
        self.device = torch.device("cuda", number)
        # for good, not for each run: what torch puts back would be another device's context, under the driver's feet
        torch.cuda.set_device(self.device)
        torch.backends.cudnn.benchmark = True  # in each network's first run, which is not captured
        torch.backends.cudnn.allow_tf32 = False  # what is in float32 is so because it must be
        for kind in ("fp16", "bf16"):  # sums of half precision are float32 throughout, as everywhere
            setattr(torch.backends.cuda.matmul, f"allow_{kind}_reduced_precision_reduction", False)
        # graphs of one engine run one after another, so that one pool is enough: what one leaves is the next one's
        self._pool: Any = torch.cuda.MemPool()
        self._streams: dict[Stream, torch.cuda.ExternalStream] = {}
        self._captured: list[torch.cuda.CUDAGraph] = []

    def view(self, address: Address, tensor: Tensor) -> torch.Tensor:
        return torch.as_tensor(_Memory(address, tensor.dtype, tensor.shape), device=self.device)

    def on(self, stream: Stream) -> AbstractContextManager[Any]:
        if stream not in self._streams:
            self._streams[stream] = torch.cuda.ExternalStream(stream, device=self.device)  # type: ignore[no-untyped-call]
        return torch.cuda.stream(self._streams[stream])

    def pooled(self) -> AbstractContextManager[Any]:
        # torch itself relaxes the capture where it allocates, since its current stream is the one that captures
        pool: AbstractContextManager[Any] = torch.cuda.use_mem_pool(self._pool, self.device)
        return pool

    def capture(self, stream: Stream, fill: Callable[[], None]) -> int:
        # kept, not instantiated: what is launched is the driver's own instance
        graph = torch.cuda.CUDAGraph(keep_graph=True)
        with self.on(stream):
            try:
                graph.capture_begin(pool=self._pool.id, capture_error_mode="thread_local")
            except RuntimeError as error:
                raise CudaError(f"torch does not begin a capture: {error}") from error
            try:
                fill()
            except BaseException:
                self._abandon(graph)
                raise
            try:
                graph.capture_end()
                handle = int(graph.raw_cuda_graph())
            except RuntimeError as error:
                raise CudaError(f"torch does not end its capture: {error}") from error
        self._captured.append(graph)
        return handle

    def seconds(self, run: Callable[[], Any]) -> float:
        for _ in range(_SETTLING):
            run()
        timed: list[float] = []
        event: Any = torch.cuda.Event  # which has no types
        idle: Any = torch.cuda._sleep
        for _ in range(_TIMED):
            began, ended = (event(enable_timing=True) for _ in range(2))
            idle(_HEAD_START)
            began.record()
            for _ in range(_IN_A_ROW):
                run()
            ended.record()
            ended.synchronize()
            timed.append(began.elapsed_time(ended) / 1000 / _IN_A_ROW)
        return min(timed)

    def trim(self) -> None:
        torch.cuda.empty_cache()

    def close(self) -> None:
        for graph in self._captured:
            graph.reset()
        self._captured.clear()
        self._streams.clear()
        # they are kept by stream, and a stream of another engine may get the number of one of these; whoever else has
        # one gets a new one when it needs it, and what was captured keeps its own
        torch._C._cuda_clearCublasWorkspaces()
        self._pool = None
        torch.cuda.empty_cache()

    def _abandon(self, graph: torch.cuda.CUDAGraph) -> None:
        """End a capture that failed. Torch may have been ended by the driver, and then says so."""
        try:
            graph.capture_end()
        except RuntimeError as error:
            log.debug("%s", error)


class _Memory:
    """Memory of the device as torch takes it from other libraries."""

    def __init__(self, address: Address, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.__cuda_array_interface__ = {
            "data": (address, False),
            "typestr": dtype.str,
            "shape": shape,
            "strides": None,
            "version": 2,
        }


def _check(cuda: Cuda, number: int) -> None:
    """Whether this torch can use the device that the driver opened."""
    version, made_for = torch.__version__, torch.version.cuda
    if made_for is None:
        raise EngineError(f"torch {version} is made for machines without a GPU: install the same version made for CUDA")
    if not torch.cuda.is_available():
        raise EngineError(f"torch {version} does not start on {cuda.name}: update the driver to one for CUDA {made_for}")
    if number >= torch.cuda.device_count() or torch.cuda.get_device_capability(number) != cuda.capability:
        raise EngineError(f"torch {version} does not count {cuda.name} as GPU {number}: leave CUDA_DEVICE_ORDER as it is")
    if not made_for_gpu(torch.cuda.get_arch_list(), cuda.capability):
        raise EngineError(
            f"torch {version} has no kernels for {cuda.name} (sm{cuda.capability[0]}{cuda.capability[1]}): it is made for "
            f"{', '.join(torch.cuda.get_arch_list())}; install one that is made for it"
        )


def made_for_gpu(architectures: list[str], capability: tuple[int, int]) -> bool:
    """Whether one of torch's architectures runs there: "sm_80" on 8.0 and later of 8, "compute_80" on all later ones."""
    for architecture in architectures:
        kind, _, number = architecture.partition("_")
        major, minor = divmod(int("".join(filter(str.isdigit, number))), 10)
        if (major, minor) <= capability and (kind == "compute" or major == capability[0]):
            return True
    return False
