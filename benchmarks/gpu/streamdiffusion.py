"""StreamDiffusion's way of one-step img2img without TensorRT, on networks given: the same work in the same order.

Written from a description of the published code (cumulo-autumn/StreamDiffusion, its wrapper and pipeline of 2024), which
pins libraries of 2023 that do not install beside today's. Kept of it: a PIL image in and out, diffusers' image processor
run twice, the tiny autoencoder, half precision, attention by the fused kernel (xformers then, torch's own now), eager
mode, one fixed noise for all frames, LCM's boundary numbers, no guidance, the wait at the end of each call, half
precision images taken to the host and turned to bytes there. The similarity filter is off, as by default.
"""

import importlib
import warnings
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

T_INDEX = 16
"""Of its list of steps; speed does not depend on it. Time 679 of 1000, where SD-Turbo repaints a good deal."""
SEED = 2
"""StreamDiffusion's default."""


class StreamDiffusionWay(AtOnce):
    """A stream of one step, `frames` of which make a batch (its `frame_buffer_size`)."""

    def __init__(self, shape: Shape, parts: Parts, frames: int, conditioning: Tensor, t_index: int = T_INDEX) -> None:
        diffusers: Any = importlib.import_module("diffusers")
        if len(parts.encoders) > 1:
            raise ValueError("StreamDiffusion knows no SDXL")
        weight = next(parts.unet.parameters())
        self._device, self._dtype = weight.device, weight.dtype
        self.precision, self.sizes = str(weight.dtype).removeprefix("torch."), (frames,)
        self._side, self._unet = shape.pixels, parts.unet
        self._vae: Any = parts.vae
        self._processor = diffusers.image_processor.VaeImageProcessor(vae_scale_factor=8)
        scheduler = diffusers.LCMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
        scheduler.set_timesteps(50)
        self.t = int(scheduler.timesteps[t_index])
        c_skip, c_out = scheduler.get_scalings_for_boundary_condition_discrete(self.t)
        alpha = float(scheduler.alphas_cumprod[self.t])
        numbers = (alpha**0.5, (1 - alpha) ** 0.5, float(c_skip), float(c_out))
        self._alpha, self._sigma, self._c_skip, self._c_out = (self._column(number, 1) for number in numbers)
        self._times = torch.full((frames,), self.t, device=self._device)
        self._prompt = conditioning.to(self._device, self._dtype).expand(frames, -1, -1).contiguous()
        generator = torch.Generator().manual_seed(SEED)
        latents = (frames, *shape.student.latent_shape)
        self.noise = torch.randn(latents, generator=generator).to(self._device, self._dtype)
        self._average = 0.0

    def paint(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        images = [Image.fromarray(picture) for picture in pictures]
        given = [self._preprocess(image.convert("RGB").resize((self._side, self._side))) for image in images]
        painted = self._call(torch.cat(given) if len(given) > 1 else given[0])
        return [np.asarray(image) for image in self._postprocess(painted)]

    def waits(self, run: Callable[[], None]) -> int | None:
        return count_waits(run, torch.cuda) if self._device.type == "cuda" else None

    def close(self) -> None:
        pass

    def _preprocess(self, image: Any) -> Tensor:
        made: Tensor = self._processor.preprocess(image, self._side, self._side)
        return made.to(device=self._device, dtype=self._dtype)

    @torch.no_grad()
    def _call(self, image: Tensor) -> Tensor:
        began, ended = self._events()
        # again, as the pipeline does with what the wrapper has preprocessed; it sees that by the least value, which the
        # host waits for, and warns
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            image = self._preprocess(image)
        latents = self._vae.encode(image).latents * self._vae.config.scaling_factor
        x = self._alpha * latents + self._sigma * self.noise
        eps = self._unet(x, self._times, encoder_hidden_states=self._prompt, return_dict=False)[0]
        x0 = self._c_out * ((x - self._sigma * eps) / self._alpha) + self._c_skip * x
        scaled = x0 / self._vae.config.scaling_factor
        painted: Tensor = self._vae.decode(scaled, return_dict=False)[0].detach().clone()
        if began is not None and ended is not None:
            ended.record()
            torch.cuda.synchronize()
            self._average = 0.9 * self._average + 0.1 * began.elapsed_time(ended) / 1000
        return painted

    def _events(self) -> tuple[Any, Any]:
        if self._device.type != "cuda":
            return None, None
        event: Any = torch.cuda.Event
        began = event(enable_timing=True)
        began.record()
        return began, event(enable_timing=True)

    def _postprocess(self, painted: Tensor) -> list[Image.Image]:
        on_host = painted.cpu()
        numbers = (on_host / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).float().numpy()
        return [Image.fromarray(image) for image in (numbers * 255).round().astype("uint8")]

    def _column(self, number: float, rows: int) -> Tensor:
        return torch.full((rows, 1, 1, 1), number, device=self._device, dtype=self._dtype)
