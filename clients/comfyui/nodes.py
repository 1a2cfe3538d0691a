"""Two nodes: pictures painted anew, and pictures from words.

ComfyUI's images are float tensors [batch, height, width, 3] of 0 to 1.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
import torch
from allaprima import Picture
from allaprima.sync import connect, stills
from PIL import Image

_SERVER = "http://127.0.0.1:8000"
_SEEDS = 2**32 - 1
_AT_ONCE = 10
"""Stills that one request may ask for."""

Inputs = dict[str, dict[str, tuple[Any, ...]]]


def _words(default: str = "") -> tuple[Any, ...]:
    return ("STRING", {"default": default, "multiline": True})


def _seed() -> tuple[Any, ...]:
    return ("INT", {"default": 0, "min": 0, "max": _SEEDS})


def _who() -> dict[str, tuple[Any, ...]]:
    """Where the server is, and who paints there: the first student where none is named."""
    return {"url": ("STRING", {"default": _SERVER}), "key": ("STRING", {"default": ""}), "student": ("STRING", {"default": ""})}


def _tensor(pictures: Iterable[Picture]) -> torch.Tensor:
    pixels = np.stack([np.asarray(picture.pil, dtype=np.float32) for picture in pictures])
    return torch.from_numpy(pixels / 255)


class Paint:
    """Each picture of a batch painted anew, by one network evaluation."""

    CATEGORY = "allaprima"
    FUNCTION = "paint"
    RETURN_TYPES: ClassVar = ("IMAGE",)
    DESCRIPTION = "Paints each picture anew by an Allaprima server; in the size that its student paints."

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        strength = ("FLOAT", {"default": 0.5, "min": 0.0, "max": 1.0, "step": 0.01})
        return {
            "required": {"image": ("IMAGE",), "prompt": _words(), "strength": strength, "seed": _seed()},
            "optional": {"negative_prompt": _words(), **_who()},
        }

    def paint(
        self,
        image: torch.Tensor,
        prompt: str,
        strength: float,
        seed: int,
        negative_prompt: str = "",
        url: str = _SERVER,
        key: str = "",
        student: str = "",
    ) -> tuple[torch.Tensor]:
        """The pictures, painted. Raises what the server says where it does not."""
        levels = (image.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
        params: dict[str, Any] = {"prompt": prompt, "strength": strength, "seed": seed, "similarity": None, "format": "png"}
        if negative_prompt:
            params["negative_prompt"] = negative_prompt
        frames = [Image.fromarray(one) for one in levels]
        with connect(url, key=key or None, student=student or None, **params) as live:
            return (_tensor(live.paint(frames)),)


class Still:
    """Pictures from words alone, with seeds that follow each other."""

    CATEGORY = "allaprima"
    FUNCTION = "make"
    RETURN_TYPES: ClassVar = ("IMAGE",)
    DESCRIPTION = "Makes pictures from words by an Allaprima server."

    @classmethod
    def INPUT_TYPES(cls) -> Inputs:
        count = ("INT", {"default": 1, "min": 1, "max": _AT_ONCE})
        return {
            "required": {"prompt": _words(), "seed": _seed(), "count": count},
            "optional": {"negative_prompt": _words(), **_who()},
        }

    def make(
        self,
        prompt: str,
        seed: int,
        count: int,
        negative_prompt: str = "",
        url: str = _SERVER,
        key: str = "",
        student: str = "",
    ) -> tuple[torch.Tensor]:
        """The pictures. Raises what the server says where it makes none."""
        made = stills(
            prompt, url=url, key=key or None, student=student or None, seed=seed, n=count, negative_prompt=negative_prompt
        )
        return (_tensor(made),)


NODE_CLASS_MAPPINGS = {"AllaprimaPaint": Paint, "AllaprimaStill": Still}
NODE_DISPLAY_NAME_MAPPINGS = {"AllaprimaPaint": "Allaprima: paint", "AllaprimaStill": "Allaprima: still"}
