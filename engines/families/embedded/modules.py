"""The four graphs of the embedded network as torch modules, and the modules again from the graphs' files."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ...onnx_files import load_weights, read_weights
from ...ports import GRAPHS
from ..affine import AffineGraph
from ..modules import GraphModules
from .codec import Codec
from .network import Denoiser, TextEncoder


class TextGraph(nn.Module):
    """ids int64 [n, 24] -> conditioning float32 [n, 24, 128]."""

    def __init__(self, text: TextEncoder) -> None:
        super().__init__()
        self.text = text

    def forward(self, ids: Tensor) -> Tensor:
        conditioning: Tensor = self.text(ids)
        return conditioning


class EncodeGraph(nn.Module):
    """pixels uint8 [n, 256, 256, 3] -> latents float32 [n, 24, 32, 32]."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, pixels: Tensor) -> Tensor:
        return self.codec.encode(pixels.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1)


class DenoiseGraph(AffineGraph):
    """Around a network that is told no guidance."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def predict(self, x: Tensor, t: Tensor, conditioning: Tensor, w: Tensor | None) -> Tensor:
        out: Tensor = self.denoiser(x, t, conditioning)
        return out


class DecodeGraph(nn.Module):
    """latents float32 [n, 24, 32, 32] -> pixels uint8 [n, 256, 256, 3]."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, latents: Tensor) -> Tensor:
        pixels = self.codec.decode(latents) * 127.5 + 127.5
        return pixels.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def modules_around(text: TextEncoder, denoiser: Denoiser, codec: Codec) -> GraphModules:
    return GraphModules(TextGraph(text), EncodeGraph(codec), DenoiseGraph(denoiser), DecodeGraph(codec))


def read_modules(folder: Path) -> GraphModules:
    """The modules again, from the ONNX files. Raises FileNotFoundError, and RuntimeError if a weight is missing."""
    weights = {name: read_weights(folder / f"{name}.onnx") for name in GRAPHS}
    text, denoiser, codec = TextEncoder(weights["text"]["text.tokens.weight"].shape[0]), Denoiser(), Codec()
    load_weights(text, weights["text"], "text.")
    load_weights(denoiser, weights["denoise"], "denoiser.")
    load_weights(codec, weights["encode"] | weights["decode"], "codec.")
    return modules_around(text, denoiser, codec)
