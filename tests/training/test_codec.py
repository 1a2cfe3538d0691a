import pytest
import torch

from engines.families.embedded.codec import Codec
from engines.families.embedded.modules import read_modules
from engines.students import load_student
from training.pictures import held_out_photographs
from training.scenes import Scene, render
from training.sources import pixels_of
from training.styles import FILTERS
from training.train_codec import psnr


@pytest.fixture(scope="module")
def shipped() -> Codec:
    return read_modules(load_student("embedded").graphs).decode.codec


def test_the_shipped_codec_keeps_photographs(shipped: Codec) -> None:
    pixels = pixels_of(list(held_out_photographs().values()))
    with torch.no_grad():
        latents = shipped.encode(pixels)
        refined, linear = psnr(shipped.decode(latents), pixels), psnr(shipped.decode_linear(latents), pixels)
    assert refined > 27
    assert refined > linear


@pytest.mark.parametrize("style", FILTERS)
def test_the_shipped_codec_keeps_every_style(shipped: Codec, style: str) -> None:
    picture = FILTERS[style](render(Scene("star", "yellow", "blue"))[None]).clamp(0, 1) * 2 - 1
    with torch.no_grad():
        assert psnr(shipped.decode(shipped.encode(picture)), picture) > 22
