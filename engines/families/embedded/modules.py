"""The four graphs of the embedded network as torch modules, and the modules again from the graphs' files."""

from pathlib import Path

from torch import Tensor, nn

from ...onnx_files import load_weights, read_weights
from ...ports import GRAPHS
from ..modules import GraphModules
from ..wrappers import TextGraph, Unguided, from_bytes, to_bytes
from .codec import Codec
from .network import Denoiser, TextEncoder


class EncodeGraph(nn.Module):
    """pixels uint8 [n, 256, 256, 3] -> latents float32 [n, 24, 32, 32]."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, pixels: Tensor) -> Tensor:
        return self.codec.encode(from_bytes(pixels))


class DenoiseGraph(Unguided):
    """The denoiser, named as its weights are in the file."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    @property
    def network(self) -> nn.Module:
        return self.denoiser


class DecodeGraph(nn.Module):
    """latents float32 [n, 24, 32, 32] -> pixels uint8 [n, 256, 256, 3]."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec

    def forward(self, latents: Tensor) -> Tensor:
        return to_bytes(self.codec.decode(latents) * 127.5 + 127.5)


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
