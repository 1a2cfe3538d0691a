"""diffusers' pipeline runs on our networks, and asks of them one step at the noisiest level."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.gpu.autopipeline import AutoPipeline
from benchmarks.gpu.networks import Parts
from benchmarks.gpu.painter import paint
from benchmarks.gpu.shapes import Shape
from engines.engine import Pixels

# of diffusers' scheduler, about an array that numpy will want to copy otherwise
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.mark.parametrize("name", ["sd15-64", "sdxl-128"])
@pytest.mark.parametrize("size", [1, 3])
def test_one_step(
    name: str,
    size: int,
    shapes: dict[str, Shape],
    parts: Callable[[Shape], Parts],
    pictures: Callable[..., list[Pixels]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A tick of any size is one run of the UNet at time 999, without guidance, and gives an image for each picture."""
    shape = shapes[name]
    of_shape, asked = parts(shape), list[tuple[int, float]]()
    forward = of_shape.unet.forward

    def noting(x: Any, t: Any, *rest: Any, **options: Any) -> Any:
        asked.append((x.shape[0], float(t)))
        return forward(x, t, *rest, **options)

    monkeypatch.setattr(of_shape.unet, "forward", noting)
    pipeline = AutoPipeline(shape, of_shape, size, torch.randn(1, *shape.student.text_shape))
    images = paint(pipeline, pictures(size, shape.pixels))
    assert asked == [(size, 999.0)]
    assert [image.shape for image in images] == [(shape.pixels, shape.pixels, 3)] * size
    assert all(image.dtype == np.uint8 and image.std() > 1 for image in images)
