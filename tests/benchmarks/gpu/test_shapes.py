"""The shapes are those that were published, and the counted operations those that the roofline is drawn by."""

import pytest

from benchmarks.gpu.flops import count_flops
from benchmarks.gpu.networks import make_parts
from benchmarks.gpu.shapes import full_shapes, tiny_shapes


def test_the_published_numbers_of_parameters() -> None:
    """SD 1.5's UNet has 860 million, SDXL's 2.57 thousand million."""
    counts = {}
    for shape in full_shapes()[:2]:
        counts[shape.family] = sum(weight.numel() for weight in make_parts(shape, "meta").unet.parameters())
    assert counts == {"sd15": 859_520_964, "sdxl": 2_567_463_684}


def test_operations_of_an_image() -> None:
    """Of SD 1.5 at 512 pixels 0.803, of the tiny encoder 0.122 and of the tiny decoder 0.141 TFLOP."""
    counted = count_flops(full_shapes()[0])
    assert {name: round(count / 1e12, 3) for name, count in counted.items()} == {
        "encode": 0.122, "denoise": 0.803, "decode": 0.141,
    }  # fmt: skip


def test_four_times_the_pixels() -> None:
    """Convolutions take four times as many operations for four times as many pixels, and attention more than that."""
    small, large = (count_flops(shape) for shape in full_shapes()[1:])
    assert large["encode"] == 4 * small["encode"]
    assert 4 * small["denoise"] < large["denoise"] < 5 * small["denoise"]


@pytest.mark.parametrize("shape", [*full_shapes(), *tiny_shapes()], ids=lambda shape: f"{shape.name}-{shape.student.title}")
def test_students_of_the_shapes(shape: object) -> None:
    """A student paints in one step, at the shape's size, on latents of an eighth of it."""
    student = shape.student  # type: ignore[attr-defined]
    assert len(student.contract.repaint(student.strength)) == 1
    assert student.width == student.height == 8 * student.latent_shape[1] == 8 * student.latent_shape[2]
