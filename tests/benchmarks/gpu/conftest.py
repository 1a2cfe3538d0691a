"""Small networks of the benchmark, made once, and pictures for them."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.gpu.shapes import Shape, tiny_shapes
from engines.engine import Pixels

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from benchmarks.gpu.networks import Parts, make_parts


@pytest.fixture(scope="session")
def shapes() -> dict[str, Shape]:
    """The small shapes by name."""
    return {shape.name: shape for shape in tiny_shapes()}


@pytest.fixture
def sd15(shapes: dict[str, Shape]) -> Shape:
    return shapes["sd15-64"]


@pytest.fixture
def sdxl(shapes: dict[str, Shape]) -> Shape:
    return shapes["sdxl-64"]


@pytest.fixture(scope="session")
def parts() -> Callable[[Shape], Parts]:
    """`parts(shape)`: its networks on the processor, the same each time."""
    made: dict[str, Parts] = {}

    def get(shape: Shape) -> Parts:
        if shape.name not in made:
            made[shape.name] = make_parts(shape, "cpu")
        return made[shape.name]

    return get


@pytest.fixture
def pictures(picture: Callable[..., Pixels]) -> Callable[..., list[Pixels]]:
    """`pictures(count, side)`: no two alike."""

    def get(count: int, side: int = 64) -> list[Pixels]:
        return [np.ascontiguousarray(picture(seed, side, side)) for seed in range(count)]

    return get
