"""Is a network one of this student's? A plan from elsewhere could read and write past the buffers that it is bound to."""

from typing import Any

import numpy as np

from ..errors import EngineError
from .layout import Layout
from .network import Network

_FLOAT, _BYTE = np.dtype(np.float32), np.dtype(np.uint8)


def check_network(graph: str, size: int, network: Network, layout: Layout) -> None:
    """Raises EngineError naming the tensor that is missing, unknown, or of another type or shape."""
    expected = _expected(layout)[graph]
    needed = {name for name, (_, _, optional) in expected.items() if not optional}
    what = f"the {graph} network for {size} rows"
    if missing := needed - network.tensors.keys():
        raise EngineError(f"{what} lacks {', '.join(sorted(missing))}: build it again")
    for name, tensor in network.tensors.items():
        if name not in expected:
            raise EngineError(f"{what} has {name}, which nobody gives it: build it again")
        dtype, shape, _ = expected[name]
        if (tensor.dtype, tensor.shape) != (dtype, (size, *shape)):
            given, wanted = f"{tensor.dtype} {tensor.shape}", f"{dtype} {(size, *shape)}"
            raise EngineError(f"{what} has {name} as {given}, not {wanted}: build it again for this student and size")


def _expected(layout: Layout) -> dict[str, dict[str, tuple[np.dtype[Any], tuple[int, ...], bool]]]:
    """Tensor to type, shape of a row, and whether it may be absent."""
    pixels, latents = (_BYTE, layout.pixels, False), (_FLOAT, layout.latents, False)
    number, optional = (_FLOAT, (), False), (_FLOAT, (), True)
    return {
        "encode": {"pixels": pixels, "latents": latents},
        "denoise": {
            "x": latents, "conditioning": (_FLOAT, layout.text, False), "x0": latents,
            "t": number, "A": number, "B": number, "w": optional,
            # re-noising is done outside, so a graph without it will do
            "alpha_next": optional, "sigma_next": optional,
            "noise_next": (_FLOAT, layout.latents, True), "x_next": (_FLOAT, layout.latents, True),
        },
        "decode": {"latents": latents, "pixels": pixels},
    }  # fmt: skip
