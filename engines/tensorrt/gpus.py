"""Names of GPU architectures: what a build is for, and what there is here."""

import importlib
import re
from typing import Any

from ..errors import EngineError
from .flavour import Flavour, find_flavour

PORTABLE = "ampere+"
"""One build for every GPU from Ampere (sm80) on. To RTX that is short for every one of those that it names."""
_AMPERE = 80


def parse_gpus(text: str) -> tuple[str, ...]:
    """ "sm80,sm89" or "ampere+" to names, ascending and each once. Raises ValueError."""
    names = {part.strip().lower() for part in text.split(",") if part.strip()}
    if not names or not all(name == PORTABLE or re.fullmatch(r"sm\d{2,3}", name) for name in names):
        raise ValueError(f"GPUs are architectures with commas, such as sm86,sm89, or {PORTABLE}, not {text!r}")
    if PORTABLE in names and len(names) > 1:
        raise ValueError(f"{PORTABLE} already stands for every GPU from sm80 on: give it alone")
    return tuple(sorted(names, key=_number))


def gpu_name(major: int, minor: int) -> str:
    """Compute capability 8.9 is sm89."""
    return f"sm{major}{minor}"


def covers(gpus: tuple[str, ...], gpu: str) -> bool:
    """Whether a build for these runs on a GPU of that architecture."""
    return gpu in gpus or (PORTABLE in gpus and _number(gpu) >= _AMPERE)


def named_ahead(flavour: Flavour) -> tuple[str, ...]:
    """The architectures that the flavour builds for on any machine, by name."""
    capabilities: Any = getattr(flavour.module, "ComputeCapability", None)
    members = getattr(capabilities, "__members__", {}) if flavour.rtx else {}
    return tuple(sorted((name.lower() for name in members if name.startswith("SM")), key=_number))


def choose_gpus(flavour: Flavour, asked: tuple[str, ...], here: str | None) -> tuple[str, ...]:
    """What to build for. `asked` may be empty, `here` is the GPU of this machine if it has one.

    Raises EngineError if that cannot be built here.
    """
    known = named_ahead(flavour)
    if flavour.rtx:
        if here and not asked:
            return (here,)
        if asked in ((), (PORTABLE,)):
            return tuple(gpu for gpu in known if _number(gpu) >= _AMPERE)
        if strange := [gpu for gpu in asked if gpu not in (*known, here)]:
            raise EngineError(
                f"{flavour.title} does not build for {', '.join(strange)}; it does for {', '.join(known)}, or for all from "
                f"sm80 on with {PORTABLE}. For other GPUs use TensorRT on a machine that has one, or --engine torch"
            )
        if len(asked) > 1 and here in asked and here not in known:
            raise EngineError(f"{flavour.title} builds for {here} only by itself: leave out the others")
        return asked
    if here is None:
        raise EngineError(
            f"{flavour.title} builds on the GPU that it builds for, and there is none here: build where the GPU is, or ahead "
            f"of time with TensorRT-RTX (pip install 'allaprima[tensorrt-rtx]')"
        )
    if asked not in ((), (here,), (PORTABLE,)) or (asked == (PORTABLE,) and _number(here) < _AMPERE):
        raise EngineError(
            f"{flavour.title} builds on the GPU that it builds for, which here is {here}: not for {', '.join(asked)}. Leave "
            f"out --gpu; on a GPU from sm80 on {PORTABLE} makes one build for all of those, which is slower"
        )
    return asked or (here,)


def choose_target(name: str | None, asked: tuple[str, ...]) -> tuple[Flavour, tuple[str, ...]]:
    """What to build with, and for which GPUs. `name` as for `find_flavour`, `asked` as for `choose_gpus`; raises as they do."""
    here = installed_gpu()
    flavour = find_flavour(name, ahead=here is None or asked not in ((), (here,)))
    return flavour, choose_gpus(flavour, asked, here)


def installed_gpu() -> str | None:
    """The architecture of this machine's first GPU, as its driver says; None without one."""
    pynvml: Any = importlib.import_module("pynvml")
    try:
        pynvml.nvmlInit()
        try:
            handle = pynvml.nvmlDeviceGetHandleByIndex(0)
            return gpu_name(*pynvml.nvmlDeviceGetCudaComputeCapability(handle))
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None


def _number(gpu: str) -> int:
    return _AMPERE if gpu == PORTABLE else int(gpu.removeprefix("sm"))
