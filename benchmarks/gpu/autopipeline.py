"""diffusers' AutoPipelineForImage2Image, set as SD-Turbo's model card sets it, on networks given.

Half precision, eager, no guidance, one step at strength 1. Kinder to it than its users are: the tiny autoencoder for the
full one, no safety checker, no progress bar, and the prompt encoded ahead and not for each call.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engines.engine import Pixels

from .networks import Parts
from .painter import AtOnce
from .shapes import Shape
from .waits import count_waits

STRENGTH = 1.0
"""One step needs it: steps times strength must be 1 at least."""


class AutoPipeline(AtOnce):
    """Ticks of `size` images in one call. SDXL's pooled embedding is the last row of the conditioning."""

    def __init__(self, shape: Shape, parts: Parts, size: int, conditioning: Tensor) -> None:
        weight = next(parts.unet.parameters())
        self._device, self.sizes = weight.device, (size,)
        self.precision = str(weight.dtype).removeprefix("torch.")
        self._pipeline = _pipeline(parts)
        self._pipeline.set_progress_bar_config(disable=True)
        conditioning = conditioning.to(self._device, weight.dtype).expand(size, -1, -1).contiguous()
        self._prompt: dict[str, Tensor] = {"prompt_embeds": conditioning}
        if len(parts.encoders) > 1:
            pooled = int(parts.encoders[1].config.projection_dim)  # type: ignore[union-attr, arg-type]
            self._prompt = {
                "prompt_embeds": conditioning[:, :-1].contiguous(),
                "pooled_prompt_embeds": conditioning[:, -1, :pooled].contiguous(),
            }

    @torch.no_grad()
    def paint(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        images = [Image.fromarray(picture) for picture in pictures]
        given = self._pipeline(
            image=images, **self._prompt, num_inference_steps=1, strength=STRENGTH, guidance_scale=0.0
        )  # fmt: skip
        return [np.asarray(image) for image in given.images]

    def waits(self, run: Callable[[], None]) -> int | None:
        return count_waits(run, torch.cuda) if self._device.type == "cuda" else None

    def close(self) -> None:
        pass


def _pipeline(parts: Parts) -> Any:
    diffusers: Any = importlib.import_module("diffusers")
    scheduler = diffusers.EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="trailing", steps_offset=1
    )
    common: dict[str, Any] = {"vae": parts.vae, "unet": parts.unet, "scheduler": scheduler, "feature_extractor": None}
    base: Any
    if len(parts.encoders) > 1:
        texts = {"text_encoder": parts.encoders[0], "text_encoder_2": parts.encoders[1]}
        base = diffusers.StableDiffusionXLPipeline(**common, **texts, tokenizer=None, tokenizer_2=None, add_watermarker=False)
    else:
        base = diffusers.StableDiffusionPipeline(
            **common, text_encoder=parts.encoders[0], tokenizer=None, safety_checker=None, requires_safety_checker=False
        )
    return diffusers.AutoPipelineForImage2Image.from_pipe(base)
