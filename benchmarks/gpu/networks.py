"""Networks of a shape with random weights, made where they are used: in seconds, and without a file.

Speed does not depend on the values of weights: the same kernels run over the same shapes. What does depend a little on
values is power, and with it the clock of a GPU at its limit; random weights and noisy inputs are near the worst case.
"""

import copy
import importlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn

from engines.families import export
from engines.families.modules import GraphModules
from engines.families.stable_diffusion.graphs import modules_around
from engines.families.stable_diffusion.variants import NETWORKS
from engines.graphs import ports

from .shapes import TOKENS, WORDS, Shape

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The bare networks, as pipelines take them; `modules` are the student's four graphs around the same ones."""

    unet: nn.Module
    vae: nn.Module
    encoders: list[nn.Module]
    modules: GraphModules


def make_parts(shape: Shape, device: str, seed: int = 0) -> Parts:
    """On a device, in float32. The numbers are the same for a seed on the same kind of device."""
    diffusers: Any = importlib.import_module("diffusers")  # which has types for some of its classes only
    torch.manual_seed(seed)
    with torch.device(device):
        unet, vae = diffusers.UNet2DConditionModel(**shape.unet), diffusers.AutoencoderTiny(**shape.vae)
        encoders = _encoders(shape)
    parts = _parts(shape, unet, vae, encoders)
    parts.modules.to(device)  # SDXL's graph has a tensor of its own
    return parts


def copied(parts: Parts, shape: Shape, to: torch.dtype | str) -> Parts:
    """Copies of the networks with the same weights, in another type or on another device."""
    unet, vae, *encoders = (copy.deepcopy(network).to(to) for network in (parts.unet, parts.vae, *parts.encoders))
    made = _parts(shape, unet, vae, encoders)
    made.modules.to(str(next(unet.parameters()).device))
    return made


def _parts(shape: Shape, unet: nn.Module, vae: nn.Module, encoders: list[nn.Module]) -> Parts:
    side = shape.pixels
    return Parts(unet, vae, encoders, modules_around(unet, vae, encoders, side, side))


def _encoders(shape: Shape) -> list[nn.Module]:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    first, *second = (CLIPTextConfig(**config) for config in shape.encoders)
    return [CLIPTextModel(first), *(CLIPTextModelWithProjection(config) for config in second)]


def write_surroundings(shape: Shape, folder: Path, encoders: int | None = None, tokens: int = TOKENS) -> None:
    """What lies beside a student's graphs: a tokenizer of a few words for each encoder, and which autoencoder it has."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token=WORDS[2]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.enable_truncation(tokens)
    tokenizer.enable_padding(length=tokens, pad_id=1, pad_token=WORDS[1])
    for name in ("tokenizer.json", "tokenizer_2.json")[: encoders or len(shape.encoders)]:
        tokenizer.save(str(folder / name))
    # without it engines take SDXL's for its own autoencoder, which leaves the range of fp16
    (folder / NETWORKS).write_text(json.dumps({"vae": {"class": "AutoencoderTiny", "config": dict(shape.vae)}}))


def write_graphs(parts: Parts, shape: Shape, folder: Path) -> None:
    """The four graphs as ONNX with their tokenizers: what TensorRT builds of. The modules are moved to the processor
    meanwhile, since there they are traced in float32. Minutes for networks of full size."""
    write_surroundings(shape, folder)
    with _on_processor(parts.modules):
        export.write_graphs(ports(shape.student), parts.modules, folder, log.info, shape.name)


@contextmanager
def _on_processor(modules: GraphModules) -> Iterator[None]:
    device: Any = next(modules.denoise.parameters()).device
    modules.to("cpu")
    try:
        yield
    finally:
        modules.to(str(device))
