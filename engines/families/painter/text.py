"""What a prompt asks for: a small transformer reads a look, a thing and two colours, and tables say what those are."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .network import EMBEDDING, TOUCH, head_size, pack
from .scene import MAP, Asked
from .shapes import TOKENS

WIDTH = 64
HEADS = 4
_STEPS = 63


class Layer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(n, length, 3, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        weight = (q @ k.transpose(-1, -2) * (width // HEADS) ** -0.5 + padding).softmax(-1)
        x = x + self.out((weight @ v).transpose(1, 2).reshape(n, length, width))
        return cast(Tensor, x + self.down(F.gelu(self.up(self.norm2(x)))))


class Reader(nn.Module):
    """Token ids [n, 24] to logits of the look, of the thing, of its colour and of the background's colour.

    The last class of each but the look is "nothing of the kind". Padding takes no part.
    """

    def __init__(self, vocabulary: int, looks: int, things: int, colours: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, WIDTH)
        self.places = nn.Parameter(torch.randn(TOKENS, WIDTH) * 0.02)
        self.layers = nn.ModuleList(Layer() for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)
        self.query = nn.Linear(WIDTH, 4)
        self.look, self.thing = nn.Linear(WIDTH, looks), nn.Linear(WIDTH, things + 1)
        self.colour, self.behind = nn.Linear(WIDTH, colours + 1), nn.Linear(WIDTH, colours + 1)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = self.tokens(ids) + self.places
        absent = (ids == 0).to(x.dtype) * -1e4
        for layer in self.layers:
            x = layer(x, absent[:, None, None, :])
        x = self.norm(x)
        share = (self.query(x) + absent[:, :, None]).softmax(1)
        pooled = share.transpose(1, 2) @ x
        parts = (self.look, self.thing, self.colour, self.behind)
        look, thing, colour, behind = (part(pooled[:, k]) for k, part in enumerate(parts))
        return look, thing, colour, behind


def packed(drawings: Tensor) -> Tensor:
    """uint8 [things, variants, 4, 64, 64] to int32 [things, variants * 64 * 64]: a pixel in a number, six bits for each of its
    four.

    Not every runtime looks up bytes, and some divide whole numbers as floats: 24 bits are exact there.
    """
    red, green, blue, cover = ((drawings.to(torch.int32) * _STEPS + 127) // 255).unbind(2)
    numbers = red + 64 * (green + 64 * (blue + 64 * cover))
    return numbers.to(torch.int32).flatten(1)


def unpacked(pixels: Tensor, variants: int) -> Tensor:
    """The drawings again, float [n, variants, 4, 64, 64] in [0, 1]."""
    planes = []
    for _ in range(3):
        higher = torch.div(pixels, 64, rounding_mode="trunc")
        planes.append((pixels - higher * 64).to(torch.float32) / _STEPS)
        pixels = higher
    planes.append(pixels.to(torch.float32) / _STEPS)
    return torch.stack(planes, 1).view(-1, 4, variants, MAP, MAP).transpose(1, 2)


def tinted(drawings: Tensor, colour: Tensor, share: Tensor) -> Tensor:
    """Drawings [n, v, 4, s, s] in a colour [n, 3], light and shade kept, by a share [n]."""
    rgb, cover = drawings[:, :, :3], drawings[:, :, 3:]
    luma = 0.299 * rgb[:, :, :1] + 0.587 * rgb[:, :, 1:2] + 0.114 * rgb[:, :, 2:]
    flat = colour[:, None, :, None, None]
    wanted = torch.minimum(flat * (0.4 * cover + 0.75 * luma) + 0.12 * (luma - 0.5 * cover), cover).clamp(min=0)
    return torch.cat([torch.lerp(rgb, wanted, 0.85 * share[:, None, None, None, None]), cover], 2)


class Text(nn.Module):
    """Token ids [n, 24] to the conditioning [n, rows, 128]."""

    drawings: Tensor
    palette: Tensor

    def __init__(self, vocabulary: int, looks: int, things: int, colours: int, maps: int, variants: int) -> None:
        super().__init__()
        self.variants = variants
        self.reader = Reader(vocabulary, looks, things, colours)
        self.looks = nn.Parameter(torch.zeros(looks, EMBEDDING))
        self.heads = nn.Parameter(torch.zeros(looks, head_size(maps)))
        self.touches = nn.Parameter(torch.zeros(looks, TOUCH))
        self.register_buffer("drawings", torch.zeros(things, variants * MAP * MAP, dtype=torch.int32))
        self.register_buffer("palette", torch.zeros(colours + 1, 3))

    def forward(self, ids: Tensor) -> Tensor:
        look, thing, colour, behind = self.reader(ids)
        # a prompt between two looks gets something between them, a plain one its own
        share = (3 * look).softmax(1)
        things, none = self.drawings.shape[0], self.palette.shape[0] - 1
        thing = thing.argmax(1)
        named = (thing < things).to(torch.float32)
        drawings = unpacked(self.drawings[thing.clamp(max=things - 1)], self.variants)
        own, back = colour.argmax(1), behind.argmax(1)
        drawings = tinted(drawings, self.palette[own], (own < none).to(torch.float32))
        asked = Asked(self.palette[back], (back < none).to(torch.float32), named, drawings * named[:, None, None, None, None])
        return pack(share @ self.looks, share @ self.heads, share @ self.touches, asked)
