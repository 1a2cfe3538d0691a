"""Is a network one of this student's? A plan from elsewhere could read and write past the buffers that it is bound to."""

from collections.abc import Mapping

from ..errors import EngineError
from ..ports import Port
from .network import Network


def check_network(graph: str, size: int, network: Network, ports: Mapping[str, Port]) -> None:
    """Raises EngineError naming the tensor that is missing, unknown, or of another type or shape than the graph's port."""
    what = f"the {graph} network for {size} rows"
    needed = {name for name, port in ports.items() if not port.optional}
    if missing := needed - network.tensors.keys():
        raise EngineError(f"{what} lacks {', '.join(sorted(missing))}: build it again")
    for name, tensor in network.tensors.items():
        if name not in ports:
            raise EngineError(f"{what} has {name}, which nobody gives it: build it again")
        wanted = (ports[name].dtype, (size, *ports[name].shape))
        if (tensor.dtype, tensor.shape) != wanted:
            raise EngineError(
                f"{what} has {name} as {tensor.dtype} {tensor.shape}, not {wanted[0]} {wanted[1]}: build it again for this "
                f"student and size"
            )
