"""The four graphs of a Stable Diffusion student as torch modules, around diffusers' and transformers' networks.

n is the batch, H and W the image's pixels, h and w the latents' (an eighth). All floats are float32.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..affine import AffineGraph
from ..modules import GraphModules
from ..wrappers import from_bytes, to_bytes
from .controls import Controls


class TextGraph(nn.Module):
    """ids int64 [n, 77] -> conditioning [n, 77, width]: the last hidden state, as SD 1.5 and 2.1 use it."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, ids: Tensor) -> Tensor:
        conditioning: Tensor = self.encoder(ids).last_hidden_state
        return conditioning


class TwoTextsGraph(nn.Module):
    """ids, ids_2 int64 [n, 77] -> conditioning [n, 78, width]: SDXL's two encoders (Podell et al. 2023, section 2.1).

    77 rows are both encoders' last hidden states but one, side by side; row 78 is the second's pooled embedding, padded
    with zeros. So prompts of every architecture are one array, which can be kept, mixed and sent alike.
    """

    def __init__(self, encoder: nn.Module, encoder_2: nn.Module) -> None:
        super().__init__()
        self.encoder, self.encoder_2 = encoder, encoder_2

    def forward(self, ids: Tensor, ids_2: Tensor) -> Tensor:
        first = self.encoder(ids, output_hidden_states=True)
        second = self.encoder_2(ids_2, output_hidden_states=True)
        tokens = torch.cat([first.hidden_states[-2], second.hidden_states[-2]], dim=-1)
        pooled = second.text_embeds
        return torch.cat([tokens, nn.functional.pad(pooled, (0, tokens.shape[-1] - pooled.shape[-1]))[:, None]], dim=1)


class EncodeGraph(nn.Module):
    """pixels uint8 [n, H, W, 3] -> latents [n, 4, h, w], shifted and scaled to the unit variance that the UNet knows."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae = vae
        self.scale, self.shift = _normalisation(vae)

    def forward(self, pixels: Tensor) -> Tensor:
        encoded = self.vae.encode(from_bytes(pixels))  # type: ignore[operator]
        latents: Tensor = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return (latents - self.shift if self.shift else latents) * self.scale


class DecodeGraph(nn.Module):
    """latents [n, 4, h, w] -> pixels uint8 [n, H, W, 3]."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae = vae
        self.scale, self.shift = _normalisation(vae)

    def forward(self, latents: Tensor) -> Tensor:
        scaled = latents / self.scale
        scaled = scaled + self.shift if self.shift else scaled
        return to_bytes(self.vae.decode(scaled).sample * 127.5 + 127.5)  # type: ignore[operator]


def _normalisation(vae: nn.Module) -> tuple[float, float]:
    """An autoencoder's own scale and shift: latents = scale * (encoded - shift)."""
    config: Any = vae.config
    return float(config.scaling_factor), float(getattr(config, "shift_factor", None) or 0.0)


class DenoiseGraph(AffineGraph):
    """Around diffusers' UNet."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet
        self.guidance_width: int | None = unet.config.time_cond_proj_dim  # type: ignore[union-attr, assignment]

    def predict(self, x: Tensor, t: Tensor, conditioning: Tensor, w: Tensor | None, **beside: Any) -> Tensor:
        """What the UNet says. `beside`: further arguments of it."""
        told = guidance_embedding(w, self.guidance_width) if w is not None and self.guidance_width else None
        out: Tensor = self.unet(x, t, timestep_cond=told, return_dict=False, **self.conditioned(conditioning), **beside)[0]
        return out

    def conditioned(self, conditioning: Tensor) -> dict[str, Any]:
        """The UNet's arguments that are made of the conditioning."""
        return {"encoder_hidden_states": conditioning}


class DenoiseXLGraph(DenoiseGraph):
    """The same with SDXL's micro-conditioning: not downscaled, not cropped, of the size that is painted."""

    def __init__(self, unet: nn.Module, width: int, height: int, pooled_width: int) -> None:
        super().__init__(unet)
        self.pooled_width = pooled_width
        # original height and width, crop top and left, target height and width
        self.register_buffer(
            "time_ids", torch.tensor([[height, width, 0, 0, height, width]], dtype=torch.float32), persistent=False
        )

    def conditioned(self, conditioning: Tensor) -> dict[str, Any]:
        added = {
            "text_embeds": conditioning[:, -1, : self.pooled_width],
            "time_ids": self.time_ids.expand(conditioning.shape[0], -1),  # type: ignore[operator]
        }
        return {"encoder_hidden_states": conditioning[:, :-1], "added_cond_kwargs": added}


class Controlled(DenoiseGraph):
    """With control networks beside the UNet: control uint8 [n, K, H, W, 3] and scale [n, K] of K of them."""

    controls: Controls

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        t: Tensor,
        conditioning: Tensor,
        A: Tensor,
        B: Tensor,
        alpha_next: Tensor,
        sigma_next: Tensor,
        noise_next: Tensor,
        control: Tensor,
        scale: Tensor,
        w: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        beside = self.controls(x, t, self.conditioned(conditioning), control, scale)
        return self.step(x, self.predict(x, t, conditioning, w, **beside), A, B, alpha_next, sigma_next, noise_next)


class ControlledGraph(Controlled):
    """Around one text encoder."""

    def __init__(self, unet: nn.Module, controls: Sequence[nn.Module]) -> None:
        super().__init__(unet)
        self.controls = Controls(controls)


class ControlledXLGraph(Controlled, DenoiseXLGraph):
    """Around SDXL's two."""

    def __init__(self, unet: nn.Module, width: int, height: int, pooled_width: int, controls: Sequence[nn.Module]) -> None:
        super().__init__(unet, width, height, pooled_width)
        self.controls = Controls(controls)


def guidance_embedding(w: Tensor, width: int) -> Tensor:
    """Sinusoids of 1000 w, [n] -> [n, width], as LCM's networks were told it (Luo et al. 2023; LCM's get_w_embedding)."""
    half = width // 2
    frequencies = torch.exp(torch.arange(half, device=w.device) * (-math.log(10000.0) / (half - 1)))
    angles = 1000.0 * w[:, None] * frequencies[None]
    return nn.functional.pad(torch.cat([angles.sin(), angles.cos()], dim=1), (0, width % 2))


def modules_around(
    unet: nn.Module,
    vae: nn.Module,
    encoders: list[nn.Module],
    width: int,
    height: int,
    controls: Sequence[nn.Module] = (),
    codec: tuple[nn.Module, nn.Module] | None = None,
) -> GraphModules:
    """The graphs around networks: one text encoder is SD 1.5 or 2.1, two are SDXL. `codec`: the graphs around the
    autoencoder, where they are no plain ones."""
    text: nn.Module
    denoise: DenoiseGraph
    if len(encoders) == 2:
        text, pooled = TwoTextsGraph(*encoders), encoders[1].config.projection_dim  # type: ignore[union-attr]
        sizes: tuple[int, int, Any] = (width, height, pooled)
        denoise = ControlledXLGraph(unet, *sizes, controls) if controls else DenoiseXLGraph(unet, *sizes)
    else:
        text, denoise = TextGraph(encoders[0]), ControlledGraph(unet, controls) if controls else DenoiseGraph(unet)
    encode, decode = codec or (EncodeGraph(vae), DecodeGraph(vae))
    return GraphModules(text, encode, denoise, decode)
