"""Where a tick's time goes: torch's profiler over ticks of a painter that is warm, as a table of kernels."""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from .painter import Painter, paint
from .timing import make_pictures, settle

_TICKS = 5
_LINES = 40

_KINDS = (
    ("convolution", r"conv|implicit|fprop|dgrad|xmma|cutlass.*(nhwc|conv)"),
    ("attention", r"flash|fmha|attention|sdpa"),
    ("product", r"gemm|cublas|nvjet|matmul|splitk"),
    ("compiled", r"triton"),
    ("ours", r"open_rows|close_rows"),
    ("copy", r"memcpy|memset|copy"),
)
"""What a kernel does, by the first of these that its name matches."""


@dataclass(frozen=True)
class Spent:
    """Of one kernel, for each tick."""

    name: str
    calls: float
    milliseconds: float

    @property
    def kind(self) -> str:
        lowered = self.name.lower()
        return next((kind for kind, pattern in _KINDS if re.search(pattern, lowered)), "other")


def profile(painter: Painter, batch: int, pixels: int, ticks: int = _TICKS) -> list[Spent]:
    """What each kernel takes of a tick, the longest first; of a processor, each operator."""
    pictures = make_pictures(pixels, batch)
    settle(painter, pictures)
    on_gpu = torch.cuda.is_available()
    activity: Any = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[activity.CUDA] if on_gpu else [activity.CPU]) as seen:
        for _ in range(ticks):
            paint(painter, pictures)
    time = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    found = [Spent(event.key, event.count / ticks, getattr(event, time) / 1000 / ticks) for event in seen.key_averages()]
    return sorted((one for one in found if one.milliseconds > 0), key=lambda one: -one.milliseconds)


def table(spent: Iterable[Spent], lines: int = _LINES) -> str:
    """By kind, and then the longest kernels."""
    spent = list(spent)
    whole = sum(one.milliseconds for one in spent)
    kinds: dict[str, float] = defaultdict(float)
    for one in spent:
        kinds[one.kind] += one.milliseconds
    said = [f"{whole:.3f} ms of a tick in {sum(one.calls for one in spent):.0f} kernels"]
    said += [f"{kind:<12}{took:>9.3f} ms{took / whole:>7.1%}" for kind, took in sorted(kinds.items(), key=lambda one: -one[1])]
    said += ["", f"{'ms':>9}{'calls':>7}  kernel"]
    said += [f"{one.milliseconds:>9.3f}{one.calls:>7.1f}  {one.name[:150]}" for one in spent[:lines]]
    return "\n".join(said)
