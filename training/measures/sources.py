"""Photographs as tensors, to train a reader on and to measure with."""

import random
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from training.photographs import load, square


def tensor(image: Image.Image) -> Tensor:
    """float [3, h, w] in [0, 1]."""
    return torch.from_numpy(np.asarray(image.convert("RGB"), dtype=np.float32) / 255).permute(2, 0, 1).contiguous()


def held_out(pixels: int, folder: Path | None = None) -> dict[str, Tensor]:
    """The photographs that nothing is trained on, by name, each [3, pixels, pixels]; those of people first."""
    images = {**load(held_out=True, people=True, folder=folder), **load(held_out=True, people=False, folder=folder)}
    return {name: tensor(square(image, pixels)) for name, image in images.items()}


@lru_cache(maxsize=4)
def _training(folder: Path | None) -> tuple[Image.Image, ...]:
    images = tuple(load(held_out=False, folder=folder).values())
    for image in images:
        image.thumbnail((900, 900))
    return images


def crops(count: int, pixels: int, seed: int, folder: Path | None = None) -> Tensor:
    """Random squares of the photographs for training, some mirrored, lit differently: [count, 3, pixels, pixels]."""
    rng = random.Random(seed)
    images = _training(folder)
    chosen = []
    for _ in range(count):
        image = rng.choice(images)
        side = round(min(image.size) * rng.uniform(0.4, 1.0))
        left, top = rng.randint(0, image.width - side), rng.randint(0, image.height - side)
        piece = tensor(image.resize((pixels, pixels), Image.Resampling.LANCZOS, box=(left, top, left + side, top + side)))
        piece = piece.flip(-1) if rng.random() < 0.5 else piece
        chosen.append(piece.clamp(0, 1) ** rng.uniform(0.75, 1.35))
    return torch.stack(chosen)
