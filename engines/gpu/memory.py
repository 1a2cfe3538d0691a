"""Does an engine fit on the device? Asked before anything is allocated, so that the answer names numbers."""

from collections.abc import Mapping

from .cuda import Cuda, OutOfDeviceMemory

_RESERVE = 128 << 20
"""Bytes left for what is not counted here: graphs, kernels, the driver's own."""


def check_fits(cuda: Cuda, needs: Mapping[str, int], sizes: tuple[int, ...]) -> None:
    """`needs` is bytes still to be allocated, by what for. Raises OutOfDeviceMemory naming each, and the remedy."""
    free, total = cuda.memory()
    if sum(needs.values()) + _RESERVE <= free:
        return
    what = ", ".join(f"{name} {_mib(size)}" for name, size in needs.items())
    smaller = f"ask for smaller ticks than {sizes[-1]}, or a smaller image, or" if sizes[-1] > 1 else "take a smaller image, or"
    raise OutOfDeviceMemory(
        f"{cuda.name} has {_mib(free)} of {_mib(total)} free, and this engine needs {_mib(sum(needs.values()) + _RESERVE)}"
        f" ({what}, reserve {_mib(_RESERVE)}): {smaller} free the device of other work"
    )


def _mib(size: int) -> str:
    return f"{-(-size // (1 << 20))} MiB"
