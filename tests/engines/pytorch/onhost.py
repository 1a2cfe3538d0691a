"""Torch's networks where there is no GPU: run on the processor, at real addresses, when the double gets to them."""

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engines.gpu.cuda import Address, Cuda, Stream
from engines.gpu.network import Capture, Tensor
from engines.options import TorchOptions
from engines.pytorch.networks import TorchNetwork, TorchNetworks, typed_graphs
from engines.student import Student
from tests.engines.gpu.double import CudaDouble, Reach


class HostPlace:
    """Implements `Place` by the processor. `calls` says what was asked of it, in order."""

    device = torch.device("cpu")
    seconds: Callable[[Callable[[], Any]], float] | None = None

    def __init__(self, double: CudaDouble | None = None) -> None:
        self.calls: list[str] = []
        self._double = double

    def view(self, address: Address, tensor: Tensor) -> torch.Tensor:
        memory = (ctypes.c_uint8 * tensor.size).from_address(address)
        return torch.from_numpy(np.frombuffer(memoryview(memory), tensor.dtype).reshape(tensor.shape))

    def on(self, stream: Stream) -> AbstractContextManager[Any]:
        self.calls.append(f"on {stream}")
        return nullcontext()

    @contextmanager
    def pooled(self) -> Iterator[None]:
        self.calls.append("pooled")
        yield
        self.calls.append("out of the pool")

    def capture(self, stream: Stream, fill: Callable[[], None]) -> int:
        self.calls.append("torch captures")
        assert self._double is not None
        return self._double.captured_by_a_library(stream, fill)

    def trim(self) -> None:
        self.calls.append("trim")

    def close(self) -> None:
        self.calls.append("close")


class Deferred:
    """A torch network bound to the host, whose work goes to the double and is done when its time comes."""

    scratch = 0

    def __init__(self, name: str, network: TorchNetwork, double: CudaDouble) -> None:
        self.name, self.network, self.tensors, self._double = name, network, network.tensors, double
        self.runs = 0
        self._host: dict[str, NDArray[Any]] = {name: np.zeros(one.shape, one.dtype) for name, one in self.tensors.items()}
        network.bind({name: array.ctypes.data for name, array in self._host.items()}, 0)

    def bind(self, addresses: Mapping[str, Address], scratch: Address) -> None:
        self._at = dict(addresses)

    def enqueue(self, stream: Stream) -> None:
        if self._double.capturing:
            assert self.runs, "a first run was captured"
        self.runs += 1

        def work(reach: Reach) -> None:
            for name, tensor in self.tensors.items():
                if not tensor.output:
                    self._host[name][...] = reach.read(self._at[name], tensor.shape, tensor.dtype)
            self.network.enqueue(stream)
            for name, tensor in self.tensors.items():
                if tensor.output:
                    reach.write(self._at[name], self._host[name])

        self._double.submit(self.name, stream, work)

    def may_be_captured(self, stream: Stream) -> bool:
        return self.network.may_be_captured(stream)


class DeferredNetworks:
    """Implements `Networks` on a double. `place` is torch's, `said` what was told while getting ready."""

    def __init__(self, double: CudaDouble, student: Student, options: TorchOptions, compiler: str = "eager") -> None:
        self.place, self.said = HostPlace(double), list[str]()
        self._double = double
        self.networks = TorchNetworks(typed_graphs(student, options), self.place, options, self.said.append, compiler)
        self.backend, self.precision = self.networks.backend, self.networks.precision

    def load(self, graph: str, size: int) -> Deferred:
        return Deferred(f"{graph} of {size}", self.networks.load(graph, size), self._double)

    def captures(self, cuda: Cuda) -> Sequence[Capture]:
        return self.networks.captures(cuda)

    def settled(self) -> None:
        self.networks.settled()

    def close(self) -> None:
        self.networks.close()


def folder_of(student: Student) -> Path:
    assert student.graphs is not None
    return student.graphs
