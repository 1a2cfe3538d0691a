"""A family of small networks with an input that no other has: what a new family, and a new port, come to."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor, nn

from engines.choices import Choices
from engines.digests import Digests
from engines.families.affine import AffineGraph
from engines.families.export import write_graphs
from engines.families.family import Family, Located, Shapes
from engines.families.modules import GraphModules
from engines.onnx_files import load_weights, read_weights
from engines.ports import FLOAT, GRAPHS, Port, Ports
from engines.say import Say
from engines.student import Student
from engines.student.weights import Weights

TOKENS, WIDTH = 4, 6
WORDS = ("", "red", "green", "blue")


@dataclass(frozen=True)
class Seed:
    """All that its weights are."""

    number: int

    def described(self) -> dict[str, Any]:
        return {"seed": self.number}


@dataclass(frozen=True)
class SmallFamily(Family):
    """Latents are a picture's colours at an eighth of its size. The mask says where the prompt counts twice."""

    def ports(self, student: Student) -> Ports:
        ports = super().ports(student)
        return {**ports, "denoise": {**ports["denoise"], "mask": Port(FLOAT, (1, *student.latent_shape[1:]), optional=True)}}

    def parse_weights(self, data: Mapping[str, Any], controls: Mapping[str, Any], folder: Path) -> Seed:
        return Seed(data["seed"])

    def locate(self, weights: Weights, choices: Choices, digests: Digests) -> Located:
        return Located(weights, {"weights": str(weights)})

    def build(self, student: Student, weights: Weights, folder: Path, say: Say) -> Shapes:
        assert isinstance(weights, Seed)
        torch.manual_seed(weights.number)
        write_graphs(self.ports(student), _modules(), folder, say, student.name)
        tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token=""))
        tokenizer.pre_tokenizer = WhitespaceSplit()
        tokenizer.enable_truncation(TOKENS)
        tokenizer.enable_padding(length=TOKENS, pad_token="")
        tokenizer.save(str(folder / "tokenizer.json"))
        return Shapes(student.text_shape, student.latent_shape, guidance=False)

    def read_modules(self, folder: Path) -> GraphModules:
        modules = _modules()
        for name in GRAPHS:
            load_weights(getattr(modules, name), read_weights(folder / f"{name}.onnx"), "")
        return modules


SMALL = SmallFamily("small networks", latent_channels=3, downscale=8, multiple=8, text_shape=(TOKENS, WIDTH))

FILE = """
name = "masked"
title = "A student that takes a mask"
licence = "MIT"
source = "nowhere"
architecture = "small"
weights = { seed = 5 }
image = { width = 64, height = 48 }
contract = { schedule = "flow", prediction = "preconditioned", times = [1.0, 0.5], strengths = "any" }
"""


class _Text(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(len(WORDS), WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        conditioning: Tensor = self.words(ids)
        return conditioning


class _Encode(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return F.avg_pool2d(pixels.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1, 8)


class _Denoise(AffineGraph):
    def __init__(self) -> None:
        super().__init__()
        self.colours, self.look = nn.Linear(TOKENS * WIDTH, 3), nn.Conv2d(3, 3, 3, padding=1)

    def forward(  # type: ignore[override]
        self, x: Tensor, t: Tensor, conditioning: Tensor, A: Tensor, B: Tensor, alpha_next: Tensor, sigma_next: Tensor,
        noise_next: Tensor, mask: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        wished = self.colours(conditioning.flatten(1))[:, :, None, None]
        out = 0.3 * self.look(x) + wished * (1 + mask) * t[:, None, None, None]
        return self.step(x, out, A, B, alpha_next, sigma_next, noise_next)


class _Decode(nn.Module):
    def forward(self, latents: Tensor) -> Tensor:
        large = latents.repeat_interleave(8, 2).repeat_interleave(8, 3)
        return (large * 127.5 + 127.5).clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1)


def _modules() -> GraphModules:
    return GraphModules(_Text(), _Encode(), _Denoise(), _Decode())
