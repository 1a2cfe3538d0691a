"""An upscaler's graph on a CUDA device, whatever library runs it: a tile goes there, through it, and back."""

import numpy as np

from ..engine import Pixels
from ..gpu.cuda import Cuda, OutOfDeviceMemory, bytes_of
from ..gpu.fitting import check_network
from ..gpu.memory import check_fits
from ..gpu.network import Networks
from ..ports import BYTE, Port
from .enlarger import Shape
from .files import ENLARGED, GRAPH_NAME, PIXELS


def ports_of(shape: Shape) -> dict[str, Port]:
    """The input and output of an upscaler's graph."""
    made = (shape.down * shape.ratio, shape.across * shape.ratio, 3)
    return {PIXELS: Port(BYTE, (shape.down, shape.across, 3)), ENLARGED: Port(BYTE, made, output=True)}


class GpuEnlarger:
    """Takes over `cuda` and `networks`, and closes them. Raises EngineError if the graph is not the upscaler's, and
    OutOfDeviceMemory, with what to do, if the device has too little left."""

    def __init__(self, shape: Shape, networks: Networks, cuda: Cuda) -> None:
        self.shape, self._networks, self._cuda = shape, networks, cuda
        network = networks.load(GRAPH_NAME, 1)
        check_network(GRAPH_NAME, 1, network, ports_of(shape))
        sizes = {name: tensor.size for name, tensor in network.tensors.items()}
        needs = {"the upscaler's scratch": network.scratch, "tiles": sum(sizes.values())}
        with_remedy(cuda, needs, shape)
        self._at = {name: cuda.allocate(size) for name, size in sizes.items()}
        self._host = {name: cuda.pinned(size) for name, size in sizes.items()}
        self._scratch = cuda.allocate(network.scratch) if network.scratch else 0
        self._stream, self._done = cuda.stream(), cuda.event()
        network.bind(self._at, self._scratch)
        self._network, self._settled = network, False

    @property
    def backend(self) -> str:
        return self._networks.backend

    @property
    def precision(self) -> str:
        return self._networks.precision

    @property
    def device(self) -> str:
        return self._cuda.name

    def enlarge(self, tile: Pixels) -> Pixels:
        self._host[PIXELS][:] = bytes_of(np.ascontiguousarray(tile))
        self._cuda.copy_in(self._at[PIXELS], self._host[PIXELS], self._stream)
        self._network.enqueue(self._stream)
        self._cuda.copy_out(self._host[ENLARGED], self._at[ENLARGED], self._stream)
        self._cuda.record(self._done, self._stream)
        self._cuda.synchronise(self._done)
        if not self._settled:
            self._settled = True
            self._networks.settled()
        ratio = self.shape.ratio
        return self._host[ENLARGED].reshape(self.shape.down * ratio, self.shape.across * ratio, 3).copy()

    def close(self) -> None:
        self._networks.close()
        self._cuda.close()


def with_remedy(cuda: Cuda, needs: dict[str, int], shape: Shape) -> None:
    """Whether so many bytes, by what for, are left on the device. Raises OutOfDeviceMemory with what helps an upscaler."""
    try:
        check_fits(cuda, needs, (1,))
    except OutOfDeviceMemory as error:
        said = str(error).partition("): ")[0]
        raise OutOfDeviceMemory(
            f"{said}) to make tiles of {shape.across}x{shape.down} larger: state a smaller tile under [upscale] in the "
            f"student's file, or free the device of other work"
        ) from error
