"""An upscaler's graph on a GPU: by torch on a double of the device, and as a plan of TensorRT-RTX's for one elsewhere."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from engines.errors import EngineError
from engines.families.wrappers import from_bytes, to_bytes
from engines.gpu.cuda import OutOfDeviceMemory
from engines.onnx_files import write_graph
from engines.options import TensorRtOptions, TorchOptions
from engines.pytorch.networks import TorchNetworks, typed_graph
from engines.tensorrt.flavour import find_flavour
from engines.upscalers.enlarger import Shape
from engines.upscalers.files import ENLARGED, GRAPH, GRAPH_NAME, PIXELS
from engines.upscalers.gpu import GpuEnlarger, ports_of
from engines.upscalers.plans import build_plan
from tests.engines.gpu.double import CudaDouble
from tests.engines.pytorch.onhost import DeferredNetworks, HostPlace

SHAPE = Shape(64, 32, 2, 16)
Pixels = NDArray[np.uint8]


class Small(nn.Module):
    """Twice as large, by a convolution and its pixels put side by side."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.conv = nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        made = nn.functional.pixel_shuffle(self.conv(from_bytes(pixels)), 2)
        return to_bytes(made * 127.5 + 127.5)


class _Networks(DeferredNetworks):
    """Of one graph alone."""

    def __init__(self, double: CudaDouble, precision: str) -> None:
        graph = typed_graph(Small().eval().requires_grad_(False), ports_of(SHAPE), precision, "the upscaler")
        self.place, self.said, self._double = HostPlace(double), [], double
        self.networks = TorchNetworks({GRAPH_NAME: graph}, self.place, TorchOptions("fp32", compile=False))
        self.backend, self.precision = self.networks.backend, self.networks.precision


@pytest.mark.parametrize(("precision", "most"), [("fp32", 1), ("fp16", 1)])
def test_a_tile(picture: Callable[..., Pixels], precision: str, most: int) -> None:
    """Tile after tile goes to the device and comes back as the network makes it, with nothing allocated between."""
    double = CudaDouble()
    enlarger = GpuEnlarger(SHAPE, _Networks(double, precision), double)
    assert (enlarger.backend, enlarger.device, enlarger.precision) == ("torch", "a double", precision)
    allocated = double.allocated
    for seed in range(3):
        tile = picture(seed, 64, 32)
        made = enlarger.enlarge(tile)
        with torch.no_grad():
            expected = Small()(torch.from_numpy(tile[None]))[0].numpy()
        assert made.shape == (64, 128, 3)
        assert np.abs(made.astype(int) - expected).max() <= most
    assert double.allocated == allocated
    enlarger.close()
    assert double.closed


def test_no_room(picture: Callable[..., Pixels]) -> None:
    """A device that has too little left says how much, for what, and what helps."""
    with pytest.raises(OutOfDeviceMemory) as refused:
        GpuEnlarger(SHAPE, _Networks(CudaDouble(1 << 20), "fp32"), CudaDouble(1 << 20))
    said = str(refused.value)
    assert "a double has 1 MiB of 1 MiB free" in said
    assert said.endswith("state a smaller tile under [upscale] in the student's file, or free the device of other work")


def test_another_graph() -> None:
    """A graph of another size is refused by name."""
    double = CudaDouble()
    with pytest.raises(EngineError, match="the upscale network for 1 rows has"):
        GpuEnlarger(replace(SHAPE, across=128), _Networks(double, "fp32"), double)


def test_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT-RTX builds a plan of the graph for GPUs that are not here, once; a folder that came along has it, too."""
    try:
        flavour = find_flavour("tensorrt_rtx")
    except EngineError as missing:
        pytest.skip(f"no plans are built: {missing}")
    pixels = torch.zeros(2, SHAPE.down, SHAPE.across, 3, dtype=torch.uint8)
    write_graph(Small().eval(), {PIXELS: pixels}, [ENLARGED], tmp_path / GRAPH)
    said: list[str] = []
    more: tuple[Any, ...] = (("sm89",), TensorRtOptions(stripped=True), flavour, said.append)
    cache, other = tmp_path / "cache", tmp_path / "other"
    folder = build_plan("mine", tmp_path, SHAPE, (cache,), *more)
    assert (folder / f"{GRAPH_NAME}.plan").stat().st_size > 0
    assert any("building upscaler mine with TensorRT-RTX" in line for line in said)
    lines = len(said)
    assert build_plan("mine", tmp_path, SHAPE, (other, cache), *more) == folder
    assert len(said) == lines
