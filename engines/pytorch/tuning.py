"""Choices between kernels, made by timing them where they run: in a network's first run, for its size, before it is compiled.

Each is timed alone, on random numbers of the shapes that the graph has, and compared with what it would take the place of.
What fails, or gives something else, is not chosen; nor is what is quicker by less than timing wanders.
"""

import json
import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from ..options import TorchOptions
from .attention import KERNELS, attention, find_attentions, give_kernel, scale_of, shapes_of
from .convolutions import Site, convolution_add_relu, convolution_relu, find_sites, merge
from .traced import weight_of

log = logging.getLogger(__name__)

Time = Callable[[Callable[[], Any]], float]
"""Seconds of what a function gives to the device: `Place.seconds`."""

_WORTH = 0.97
"""Of the time of what is there, that another must stay below."""
_CLOSE = 0.02
"""Relative error, of root mean squares, that kernels of half precision may have between them."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One choice: seconds by name of the way, the first of them what is there already; and which was chosen."""

    what: str
    seconds: dict[str, float]
    chosen: str

    def __str__(self) -> str:
        each = ", ".join(f"{name} {1e6 * seconds:.0f}" for name, seconds in self.seconds.items())
        return f"{self.what}: {self.chosen} (microseconds: {each})"


class Tuning:
    """What may be chosen of a graph on a device. Without `seconds` nothing is timed, and what is to be chosen by that stays
    as it is. `timed` has every choice that was made by timing, in order. `kept` is a folder where choices are found again: a
    start that timed anew might choose otherwise, and would have to compile that.
    """

    def __init__(self, options: TorchOptions, device: torch.device, seconds: Time | None, kept: Path | None = None) -> None:
        self._options, self._device, self._seconds = options, device, seconds
        self._file = None if kept is None or seconds is None else kept / _file_name(device)
        self._known = {} if self._file is None else _read(self._file)
        self.timed: list[Timed] = []
        self.gained = 0.0
        """Seconds that the choices of the last graph should save it, by their timing alone."""

    def keep(self) -> None:
        """Write down what was chosen, where it is found again."""
        if self._file is None or not self.timed:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            half_written = self._file.with_suffix(f".{os.getpid()}")
            half_written.write_text(json.dumps(self._known, indent=1))
            half_written.replace(self._file)
        except OSError as error:  # the next start times again, and is no worse
            log.warning("what was chosen by timing cannot be kept: %s", error)

    def tune(self, graph: fx.GraphModule, rows: int) -> bool:
        """Choose for so many rows, in the graph itself; whether anything was changed. In the thread and on the stream of the
        network's runs."""
        self.gained = 0.0
        with torch.no_grad():
            attentions = self._attentions(graph, rows)
            sites = [site for site in self._sites(graph) if self._is_merged(graph, site, rows)]
        for node, kernel in attentions.items():
            give_kernel(graph, node, kernel)
        merge(graph, sites)
        return bool(attentions or sites)

    # attention -------------------------------------------------------------------------------------------------------

    def _attentions(self, graph: fx.GraphModule, rows: int) -> dict[fx.Node, str]:
        """Kernels of those that get another than torch would choose."""
        asked = self._options.attention
        if asked == "default" or (asked == "auto" and self._seconds is None):
            return {}
        nodes = find_attentions(graph)
        if asked != "auto":
            return dict.fromkeys(nodes, asked)
        half = _half_of(graph)
        kernels = {}
        for node in nodes if half is not None else ():
            shapes = [_sized(shape, rows) for shape in shapes_of(node)]
            if None not in shapes:
                kernels[node] = self._kernel(shapes, scale_of(node), half)  # type: ignore[arg-type]
        return {node: kernel for node, kernel in kernels.items() if kernel != "default"}

    def _kernel(self, shapes: list[tuple[int, ...]], scale: float | None, half: torch.dtype) -> str:
        def make() -> dict[str, Callable[[], Tensor]]:
            q, k, v = (self._random(shape[0], shape[2], shape[1], shape[3], dtype=half).transpose(1, 2) for shape in shapes)
            ways: dict[str, Callable[[], Tensor]] = {
                "default": lambda: F.scaled_dot_product_attention(q, k, v, scale=scale)
            }  # fmt: skip
            return ways | {name: partial(attention, q, k, v, name, scale) for name in KERNELS}

        q, k, _ = shapes
        return self._quickest(("attention", *shapes, scale, half), f"attention of {list(q)} to {k[2]} tokens", make)

    # convolutions ----------------------------------------------------------------------------------------------------

    def _sites(self, graph: fx.GraphModule) -> list[Site]:
        asked = self._options.convolutions
        return [] if asked == "plain" or (asked == "auto" and self._seconds is None) else find_sites(graph)

    def _is_merged(self, graph: fx.GraphModule, site: Site, rows: int) -> bool:
        if self._options.convolutions == "merged":
            return True
        x, weight, *_ = site.first.args
        assert isinstance(x, fx.Node)
        assert isinstance(weight, fx.Node)
        value, given = weight_of(graph, weight), x.meta.get("val")
        shape = None if given is None else _sized(tuple(given.shape), rows)
        if shape is None:
            return False
        has_bias = len(site.first.args) > 2 and site.first.args[2] is not None
        numbers, adds = list(site.numbers), site.added is not None

        def make() -> dict[str, Callable[[], Tensor]]:
            image, kernel = (self._random(*sides, dtype=value.dtype).to(memory_format=torch.channels_last)
                             for sides in (shape, value.shape))  # fmt: skip
            kernel = kernel / value[0].numel() ** 0.5
            bias = self._random(value.shape[0], dtype=value.dtype) if has_bias else None
            stride, padding, dilation, groups = numbers[0:2], numbers[2:4], numbers[4:6], numbers[6]
            added = torch.randn_like(F.conv2d(image, kernel, None, stride, padding, dilation, groups)) if adds else None

            def apart() -> Tensor:
                # what a compiler makes of it: a convolution without bias, and one pass over memory for all the rest
                made = F.conv2d(image, kernel, None, stride, padding, dilation, groups)
                return torch.relu(made) if added is None else torch.add(made, added)

            def truly() -> Tensor:
                made = F.conv2d(image, kernel, bias, stride, padding, dilation, groups)
                return torch.relu(made if added is None else made + added)

            merged: Callable[[], Tensor] = partial(convolution_relu, image, kernel, bias, numbers)
            if added is not None:
                merged = partial(convolution_add_relu, image, kernel, added, bias, numbers)

            _check(merged(), truly())
            return {"apart": apart, "merged": merged}

        key = ("convolution", shape, tuple(value.shape), value.dtype, site.numbers, adds, has_bias)
        kernel = "x".join(map(str, value.shape[2:]))
        what = f"convolution {kernel}, {numbers}, of {list(shape)} to {value.shape[0]}{' and what is added' if adds else ''}"
        return self._quickest(key, what, make, comparable=False) == "merged"

    # timing ----------------------------------------------------------------------------------------------------------

    def _quickest(
        self, key: Any, what: str, make: Callable[[], dict[str, Callable[[], Tensor]]], comparable: bool = True
    ) -> str:
        """The way to take: the first one unless another works, gives the same and is quicker. Each question is timed once."""
        question = repr(key)
        if question not in self._known:
            self._known[question] = self._timed(what, make, comparable)
        seconds = next((one.seconds for one in self.timed if one.what == what), {})
        chosen = self._known[question]
        self.gained += next(iter(seconds.values())) - seconds[chosen] if chosen in seconds else 0.0
        return chosen

    def _timed(self, what: str, make: Callable[[], dict[str, Callable[[], Tensor]]], comparable: bool) -> str:
        try:
            ways = make()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.info("%s: as it was, since another way failed: %s", what, error)
            return ""
        assert self._seconds is not None
        (there, *others), seconds = ways, dict[str, float]()
        true = ways[there]() if comparable else None
        for name in (there, *others):
            try:
                if true is not None:
                    _check(ways[name](), true)
                seconds[name] = self._seconds(ways[name])
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as error:
                log.info("%s: not by %s: %s", what, name, str(error).partition("\n")[0])
        best = min(seconds, key=lambda name: seconds[name] if name == there else seconds[name] / _WORTH, default=there)
        self.timed.append(Timed(what, seconds, best))
        log.info("%s", self.timed[-1])
        return best

    def _random(self, *shape: int, dtype: torch.dtype) -> Tensor:
        return torch.randn(*shape, device=self._device).to(dtype)


def _file_name(device: torch.device) -> str:
    """Choices are of one GPU and one version of torch."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return re.sub(r"[^A-Za-z0-9.+]+", "-", f"choices-{name}-torch-{torch.__version__}.json")


def _read(file: Path) -> dict[str, str]:
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(question): str(answer) for question, answer in known.items()} if isinstance(known, dict) else {}


def _check(made: Tensor, true: Tensor) -> None:
    """Raises RuntimeError if a way gives something else."""
    off, size = (made.float() - true.float()).square().mean().sqrt(), true.float().square().mean().sqrt()
    if not bool(off <= _CLOSE * size):  # NaN is not either
        raise RuntimeError(f"it gives something else, by {float(off / size):.2g}")


def _sized(shape: tuple[Any, ...], rows: int) -> tuple[int, ...] | None:
    """A shape whose first dimension is the batch, at so many rows; None if more of it is open."""
    rest = shape[1:]
    return (rows, *rest) if shape and all(isinstance(side, int) for side in rest) else None


def _half_of(graph: fx.GraphModule) -> torch.dtype | None:
    """The half precision that a graph's products are in; None of one in float32."""
    return next((one.dtype for one in graph.buffers() if one.dtype in (torch.float16, torch.bfloat16)), None)
