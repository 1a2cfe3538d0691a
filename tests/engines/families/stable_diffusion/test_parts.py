"""Networks that do not go together, or are of another architecture than the student, are refused with what they are."""

from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError
from engines.families.stable_diffusion.parts import Parts, check_parts
from engines.families.stable_diffusion.variants import VARIANTS

_UNET = {
    "addition_embed_type": None, "class_embed_type": None, "num_class_embeds": None, "cross_attention_dim": 32,
    "in_channels": 4,
}  # fmt: skip
_XL = {
    **_UNET, "addition_embed_type": "text_time", "cross_attention_dim": 80, "addition_time_embed_dim": 8,
    "projection_class_embeddings_input_dim": 6 * 8 + 24,
}  # fmt: skip


def _parts(unet: dict[str, Any], *widths: int, projection: int = 24, latents: int = 4) -> Parts:
    def network(**config: Any) -> Any:
        return SimpleNamespace(config=SimpleNamespace(**config))

    encoders = [network(hidden_size=width, projection_dim=projection) for width in widths]
    return Parts(network(**unet), network(latent_channels=latents), encoders, [])


@pytest.mark.parametrize(
    ("architecture", "parts"),
    [
        ("sd15", _parts(_UNET, 32)),
        ("sd21", _parts({**_UNET, "cross_attention_dim": 1024}, 1024)),
        ("sdxl", _parts(_XL, 32, 48)),
        ("sdxl", _parts({**_XL, "cross_attention_dim": 2048}, 768, 1280)),
    ],
)
def test_what_goes_together(architecture: str, parts: Parts) -> None:
    """Networks of the published widths, and of others that agree, are taken."""
    check_parts(parts, VARIANTS[architecture], "weights")


@pytest.mark.parametrize(
    ("architecture", "parts", "reason"),
    [
        (
            "sd15",
            _parts(_XL, 80),
            "it.safetensors is a UNet of Stable Diffusion XL, and this student is of Stable Diffusion 1.5",
        ),
        ("sdxl", _parts(_UNET, 32, 48), "is a UNet of Stable Diffusion 1 or 2, and this student is of Stable Diffusion XL"),
        ("sd15", _parts({**_UNET, "class_embed_type": "projection"}, 32), "is told a class beside the prompt"),
        ("sd15", _parts({**_UNET, "num_class_embeds": 1000}, 32), "is told a class beside the prompt"),
        ("sd15", _parts(_UNET, 48), "attends to 32 numbers a token, and its text encoders give 48"),
        ("sd15", _parts({**_UNET, "cross_attention_dim": 1024}, 1024), "is of Stable Diffusion 2.1, and this student is of"),
        ("sd21", _parts({**_UNET, "cross_attention_dim": 768}, 768), "is of Stable Diffusion 1.5, and this student is of"),
        ("sd15", _parts({**_UNET, "in_channels": 9}, 32), "takes 9 channels, and its VAE gives 4"),
        ("sd15", _parts(_UNET, 32, latents=16), "takes 4 channels, and its VAE gives 16"),
        (
            "sdxl",
            _parts(_XL, 32, 48, projection=48),
            "told 24 numbers of the whole prompt, and its second text encoder gives 48",
        ),
    ],
)
def test_what_does_not(architecture: str, parts: Parts, reason: str) -> None:
    """Each mismatch is named with both sides of it, and with what to give instead."""
    with pytest.raises(EngineError, match=reason) as refused:
        check_parts(parts, VARIANTS[architecture], "it.safetensors")
    assert "give" in str(refused.value)
