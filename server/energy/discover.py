"""Which meters this machine has."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .meter import Meter
from .model import ModelMeter
from .nvml import Nvml, find_nvml, load_nvml
from .rapl import POWERCAP, find_rapl


@dataclass(frozen=True, slots=True)
class Found:
    """The meters there are, and one line on each that is absent."""

    meters: tuple[Meter, ...] = ()
    absent: tuple[str, ...] = ()


def find_meters(
    busy: Callable[[], float],
    watts: float = 0.0,
    gpus: Sequence[str] | None = None,
    powercap: Path = POWERCAP,
    nvml: Callable[[], Nvml] = load_nvml,
) -> Found:
    """Look for meters. Never raises for want of one.

    `watts` above 0 asks for the operator's model, with `busy` counting seconds of painting; `gpus` as in `find_nvml`.
    May take a second where an NVIDIA driver wakes up first.
    """
    by_driver, no_driver = find_nvml(gpus, nvml)
    by_processor, no_processor = find_rapl(powercap)
    model: list[Meter] = [ModelMeter(watts, busy)] if watts > 0 else []
    return Found((*by_driver, *by_processor, *model), (*no_driver, *no_processor))
