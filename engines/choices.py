"""What a user chooses beside a student, and how it is written on a command line."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Choices:
    """None and empty mean the student's own. Sizes are pixels; a control and an upscaler are a name, and where it is."""

    width: int | None = None
    height: int | None = None
    weights: Path | None = None
    loras: tuple[tuple[Path, float], ...] = ()
    controls: tuple[tuple[str, str], ...] = ()
    full_vae: bool = False
    upscaler: tuple[str, str] | None = None

    def any(self) -> bool:
        return self != Choices()


def parse_size(text: str) -> tuple[int, int]:
    """ "512x512" to (width, height). Raises ValueError."""
    if not (found := re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)):
        raise ValueError(f"a size is WIDTHxHEIGHT, such as 512x512, not {text!r}")
    return int(found[1]), int(found[2])


def parse_lora(text: str) -> tuple[Path, float]:
    """ "FILE:0.8" to (file, weight); without a weight it is 1. Raises ValueError."""
    path, separator, weight = text.rpartition(":")
    if not separator:
        return Path(text), 1.0
    try:
        return Path(path), float(weight)
    except ValueError:
        raise ValueError(f"a LoRA is FILE:WEIGHT, such as style.safetensors:0.8, not {text!r}") from None


def parse_upscaler(text: str) -> tuple[str, str]:
    """ "esrgan=FILE.onnx" to (name, place): a graph or OSEDiff's file here, or a folder of a pipeline. Raises ValueError."""
    name, equals, place = text.partition("=")
    if not equals or not place:
        raise ValueError(f"an upscaler is NAME=WEIGHTS, such as esrgan=RealESRGAN_x2.onnx, not {text!r}")
    return name, place


def parse_control(text: str) -> tuple[str, str]:
    """ "canny=FOLDER" to (name, place): a folder or a file here, or a repository of the hub. Raises ValueError."""
    name, equals, place = text.partition("=")
    if not equals or not place:
        raise ValueError(f"a control is NAME=WEIGHTS, such as canny=lllyasviel/control_v11p_sd15_canny, not {text!r}")
    return name, place
