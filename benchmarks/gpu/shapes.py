"""Which networks are measured, at which sizes: published shapes, and small ones of the same kinds. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from engines.student import Student
from engines.students import load_student

from ..full_size import UNET, UNET_XL

Config = Mapping[str, Any]

TOKENS = 77


@dataclass(frozen=True, slots=True)
class Shape:
    """One family at one image size. `encoders` are configs of CLIP's text part; two of them are SDXL's. `counted` are the
    floating-point operations of each graph for one image, where they are known: a test counts them again."""

    family: str
    student: Student
    unet: Config
    vae: Config
    encoders: tuple[Config, ...]
    counted: Mapping[str, int] | None = None

    @property
    def pixels(self) -> int:
        """The side of the image, which is square."""
        return self.student.width

    @property
    def name(self) -> str:
        return f"{self.family}-{self.pixels}"


SD15_UNET: Config = UNET
"""859,520,964 parameters."""
SDXL_UNET: Config = UNET_XL
"""2,567,463,684 parameters."""

_TINY = {"in_channels": 4, "out_channels": 4, "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}
TINY_SD15_UNET: Config = {
    **_TINY,
    "sample_size": 8,
    "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    "attention_head_dim": 4,
    "cross_attention_dim": 32,
}
TINY_SDXL_UNET: Config = {
    **_TINY,
    "sample_size": 8,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2),
    "attention_head_dim": (2, 4),
    "cross_attention_dim": 80,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 8,
    # six sizes of 8 numbers, and the pooled embedding's 24
    "projection_class_embeddings_input_dim": 6 * 8 + 24,
}
TAESD: Config = {}
"""Its published shape is diffusers' default."""
_TINY_VAE: Config = {
    "encoder_block_out_channels": (8,) * 4,
    "decoder_block_out_channels": (8,) * 4,
    "num_encoder_blocks": (1,) * 4,
    "num_decoder_blocks": (1,) * 4,
}


def _clip(width: int, projection: int) -> Config:
    """Two layers of a text encoder: a prompt is encoded once and kept, so its depth has no part in a tick."""
    return {
        "hidden_size": width,
        "intermediate_size": 4 * width,
        "num_hidden_layers": 2,
        "num_attention_heads": max(1, width // 64),
        "vocab_size": len(WORDS),
        "max_position_embeddings": TOKENS,
        "projection_dim": projection,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }


WORDS = ("<|startoftext|>", "<|endoftext|>", "<|unknown|>", "a", "red", "boat", "on", "quiet", "sea")
"""The whole vocabulary, by id."""


def full_shapes() -> list[Shape]:
    """SD 1.5 at 512 pixels, SDXL at 512 and 1024, with SD-Turbo's and SDXL-Turbo's contracts: one step at any strength."""
    small = {"encode": 122_324_779_008, "decode": 141_350_141_952}
    large = {name: 4 * count for name, count in small.items()}
    encoders = (_clip(768, 768), _clip(1280, 1280))
    return [
        Shape("sd15", _sd15(512, 768), SD15_UNET, TAESD, encoders[:1], {**small, "denoise": 803_273_441_280}),
        Shape("sdxl", _sdxl(512, 2048), SDXL_UNET, TAESD, encoders, {**small, "denoise": 1_588_778_762_240}),
        Shape("sdxl", _sdxl(1024, 2048), SDXL_UNET, TAESD, encoders, {**large, "denoise": 6_761_236_398_080}),
    ]


def tiny_shapes() -> list[Shape]:
    """The same kinds small enough for any processor, at 64 pixels and at 64 and 128."""
    return [
        Shape("sd15", _sd15(64, 32), TINY_SD15_UNET, _TINY_VAE, (_clip(32, 32),)),
        *(Shape("sdxl", _sdxl(side, 80), TINY_SDXL_UNET, _TINY_VAE, (_clip(32, 32), _clip(48, 24))) for side in (64, 128)),
    ]


def _sd15(side: int, width: int) -> Student:
    like = replace(load_student("sd-turbo"), architecture="sd15", text_shape=(TOKENS, width))
    return _at(like, "sd15-shaped", side)


def _sdxl(side: int, width: int) -> Student:
    return _at(replace(load_student("sdxl-turbo"), text_shape=(TOKENS + 1, width)), "sdxl-shaped", side)


def _at(student: Student, name: str, side: int) -> Student:
    latents = (student.latent_shape[0], side // 8, side // 8)
    return replace(student, name=name, title=name, width=side, height=side, latent_shape=latents, weights=None)
