import pytest
import torch

from engines.embedded.codec import CHANNELS, Codec
from engines.embedded.export import read_modules
from engines.embedded.pictures import held_out_photographs
from engines.embedded.scenes import Scene, render
from engines.embedded.sources import pixels_of
from engines.embedded.styles import STYLES
from engines.embedded.train_codec import psnr
from engines.student import load_student


@pytest.fixture(scope="module")
def shipped() -> Codec:
    return read_modules(load_student("embedded").graphs).decode.codec


def test_latents_are_an_eighth_of_the_picture() -> None:
    latents = Codec().encode(torch.rand(2, 3, 64, 96))
    assert latents.shape == (2, CHANNELS, 8, 12)


def test_a_flat_picture_comes_back_exactly() -> None:
    codec = Codec().eval().requires_grad_(False)
    flat = torch.tensor([0.3, -0.5, 0.9])[None, :, None, None].expand(1, 3, 64, 64)
    assert torch.allclose(codec.decode_linear(codec.encode(flat)), flat, atol=1e-4)


def test_an_untrained_refiner_changes_little_and_encoding_again_changes_nothing() -> None:
    codec = Codec().eval().requires_grad_(False)
    latents = codec.encode(torch.rand(1, 3, 64, 64) * 2 - 1)
    assert torch.allclose(codec.encode(codec.decode_linear(latents)), latents, atol=1e-4)
    assert float((codec.decode(latents) - codec.decode_linear(latents)).abs().max()) < 0.2


def test_normalised_latents_have_mean_0_and_variance_1() -> None:
    codec, pixels = Codec(), torch.rand(8, 3, 64, 64) * 2 - 1
    codec.normalise_on(pixels)
    latents = codec.encode(pixels)
    assert torch.allclose(latents.mean((0, 2, 3)), torch.zeros(CHANNELS), atol=1e-4)
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(CHANNELS), atol=1e-3)


def test_the_shipped_codec_keeps_photographs(shipped: Codec) -> None:
    pixels = pixels_of(list(held_out_photographs().values()))
    with torch.no_grad():
        latents = shipped.encode(pixels)
        refined, linear = psnr(shipped.decode(latents), pixels), psnr(shipped.decode_linear(latents), pixels)
    assert refined > 27
    assert refined > linear


@pytest.mark.parametrize("style", STYLES)
def test_the_shipped_codec_keeps_every_style(shipped: Codec, style: str) -> None:
    picture = STYLES[style](render(Scene("star", "yellow", "blue"))[None]).clamp(0, 1) * 2 - 1
    with torch.no_grad():
        assert psnr(shipped.decode(shipped.encode(picture)), picture) > 22
