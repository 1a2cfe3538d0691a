import torch

from engines.families.embedded.codec import CHANNELS, Codec


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
