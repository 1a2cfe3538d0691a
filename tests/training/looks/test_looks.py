import itertools

import pytest
import torch
from torch import Tensor

from training.looks import LOOKS
from training.looks.filters import blur

STEADY = 1.5
"""A painting changes at most this much more than the photograph itself does from one frame's sensor noise to the next's."""


@pytest.fixture(scope="module")
def painted(people: Tensor) -> dict[str, Tensor]:
    return {name: look.paint(people) for name, look in LOOKS.items()}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_keeps_shape_and_range_and_leaves_its_input(name: str, people: Tensor) -> None:
    before = people.clone()
    out = LOOKS[name].paint(people)
    assert out.shape == people.shape
    assert out.dtype == torch.float32
    assert bool(torch.isfinite(out).all())
    assert 0 <= float(out.min()) <= float(out.max()) <= 1
    assert torch.equal(people, before)


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_is_a_function(name: str, people: Tensor, painted: dict[str, Tensor]) -> None:
    torch.manual_seed(7)
    assert torch.equal(LOOKS[name].paint(people), painted[name])


@pytest.mark.parametrize("name", LOOKS)
def test_a_batch_is_its_pictures(name: str, people: Tensor, painted: dict[str, Tensor]) -> None:
    alone = LOOKS[name].paint(people[1:])
    assert float((alone - painted[name][1:]).abs().mean()) < 1e-4


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_takes_any_multiple_of_64(name: str, people: Tensor) -> None:
    assert LOOKS[name].paint(people[:1, :, :64]).shape == (1, 3, 64, 128)


@pytest.mark.parametrize("name", LOOKS)
def test_flat_and_extreme_pictures_are_painted(name: str) -> None:
    flat = torch.tensor([0.0, 0.5, 1.0]).view(3, 1, 1, 1).expand(3, 3, 64, 64).contiguous()
    assert bool(torch.isfinite(LOOKS[name].paint(flat)).all())


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_holds_still_under_the_noise_of_a_sensor(name: str, people: Tensor) -> None:
    draw = torch.Generator().manual_seed(3)
    noisy = [(people[:1] + torch.randn(people[:1].shape, generator=draw) * (2 / 255)).clamp(0, 1) for _ in range(2)]
    change = (LOOKS[name].paint(noisy[0]) - LOOKS[name].paint(noisy[1])).abs().mean()
    assert float(change) < STEADY * float((noisy[0] - noisy[1]).abs().mean())


@pytest.mark.parametrize("breadth", [0.6, 1.6])
@pytest.mark.parametrize("name", LOOKS)
def test_strokes_may_be_finer_or_broader(name: str, breadth: float, people: Tensor) -> None:
    assert bool(torch.isfinite(LOOKS[name].paint(people[:1], breadth)).all())


@pytest.mark.parametrize("name", ["comic", "neon"])
def test_a_training_in_short_floats_is_given_whole_ones(name: str, people: Tensor, painted: dict[str, Tensor]) -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(LOOKS[name].paint(people), painted[name])
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize(
    "name",
    [
        "watercolor", "oil painting", "impressionist", "pointillism", "gouache", "pastel", "coloured pencil", "comic", "anime",
        "ukiyo-e", "stained glass", "mosaic", "low poly", "cross stitch", "knit", "bricks", "pixel art", "fluted glass",
    ],
)  # fmt: skip
def test_dark_skin_stays_brown(name: str) -> None:
    tones = torch.tensor([[0.24, 0.15, 0.11], [0.36, 0.23, 0.17], [0.52, 0.35, 0.26]])
    x = torch.linspace(0.25, 0.85, 128).expand(3, 3, 128, 128).clone()
    x[:, :, 32:96, 32:96] = tones[:, :, None, None]
    for red, green, blue in LOOKS[name].paint(blur(x, 1.0))[:, :, 44:84, 44:84].mean((2, 3)).tolist():
        assert red > green > blue - 0.01
        assert 0.3 < green / red < 0.8
        assert 0.3 * red + 0.6 * green + 0.1 * blue < 0.65


def test_looks_differ_from_each_other(painted: dict[str, Tensor]) -> None:
    for (one, a), (other, b) in itertools.combinations(painted.items(), 2):
        assert float((a - b).abs().mean()) > 0.04, f"{one} and {other}"


def test_photo_is_the_photograph(people: Tensor) -> None:
    assert torch.equal(LOOKS["photo"].paint(people), people)


def test_no_word_means_two_looks() -> None:
    words = [word for look in LOOKS.values() for word in (look.name, *look.words)]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    "name",
    ["stained glass", "low poly", "terminal", "stipple", "gouache", "pointillism", "winter", "fluted glass", "batik", "neon"],
)
def test_a_look_is_painted_where_its_pictures_are(name: str, people: Tensor) -> None:
    """Meta tensors run every operation without a device: what is made on the CPU by mistake would meet another device. Between
    them these looks use every tool that the looks are made of.
    """
    assert LOOKS[name].paint(people[:1, :, :64, :64].to("meta")).device.type == "meta"
