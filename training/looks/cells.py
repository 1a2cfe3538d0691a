"""Looks on a grid of small cells: stitches, wool, bricks, pixels, letters of a terminal."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from training.looks.colour import colour, expose, join, mix, nearest, over, ramp, smoothstep, split, steps, vivid
from training.looks.filters import blur, flow, grow, kuwahara, look_up, places, shrink, tone
from training.looks.patterns import pattern


@lru_cache(maxsize=8)
def _fine(side: int) -> tuple[Tensor, Tensor]:
    """Places within a cell, from 0 to `side`, eight samples a pixel."""
    axis = (torch.arange(side * 8, dtype=torch.float32) + 0.5) / 8
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return x, y


def _tiled(plane: Tensor, like: Tensor) -> Tensor:
    """A drawing of one cell with eight samples a pixel, over a whole picture: [1, 1, h, w]."""
    cell = shrink(plane[None, None], 8)
    h, w = like.shape[-2:]
    side = cell.shape[-1]
    return cell.repeat(1, 1, -(-h // side), -(-w // side))[..., :h, :w].to(like.device)


def _cells(x: Tensor, pitch: int, crisp: float, amount: float) -> Tensor:
    """The mean of each cell, sharpened against its neighbours, more vivid."""
    small = shrink(x, pitch)
    return vivid((small + crisp * (small - blur(small, 1.0))).clamp(0, 1), amount)


def cross_stitch(x: Tensor, breadth: float) -> Tensor:
    """Crosses of thread on cream cloth."""
    x = expose(x, 0.58)
    cells = _cells(x, 8, 0.9, 1.9)
    y, a, b = split(cells)
    cells = join(steps(y, 9, 5.0), a, b).clamp(0, 1)
    bare = smoothstep(y, 0.88, 0.95) * smoothstep(a.abs() + b.abs(), 0.14, 0.06)
    u, v = _fine(8)

    def leg(d: Tensor) -> tuple[Tensor, Tensor]:
        across = d / 1.8
        ends = smoothstep(torch.maximum((u - 4).abs(), (v - 4).abs()), 4.0, 3.6)
        return smoothstep(across.abs(), 1.1, 0.9) * ends, (1 - across * across).clamp(min=0).sqrt()

    half = 2**-0.5
    lower, low_light = leg((u - v) * half)
    upper, high_light = leg((u + v - 8) * half)
    twist = 0.08 * torch.sin((u - v) * 2.2)
    light = torch.where(
        upper > 0.5,
        0.70 + 0.46 * high_light + twist,
        (0.56 + 0.38 * low_light) * (1 - 0.25 * smoothstep(((u + v - 8) * half).abs(), 3.0, 1.5)),
    )
    cover = torch.maximum(lower, upper)
    shine, thread = _tiled(light, x), _tiled(cover, x)
    hole = _tiled(smoothstep((((u + 4) % 8 - 4) ** 2 + ((v + 4) % 8 - 4) ** 2).sqrt(), 1.3, 0.7), x)
    weave = _tiled(0.5 + 0.5 * torch.cos(u * math.pi) * torch.cos(v * math.pi), x)
    cloth = colour("efe5cf", x) * (0.9 + 0.12 * weave) * (1 - 0.6 * hole)
    fuzz = 1 + 0.04 * pattern("noise", x)
    shadow = cloth * (1 - 0.45 * blur(thread, 1.0) * (1 - grow(bare, 8)))
    return over(shadow, grow(cells, 8) * shine * fuzz, thread * (1 - grow(bare, 8)))


_YARN = (
    "f4efe4", "d9cdb8", "a89a86", "6b625a", "2b2829", "7a1f2b", "b8323a", "d9583f", "e58f4d", "edbf5a", "8a5a3b", "5a3826",
    "4d6b3f", "8ea86a", "2e6e78", "5fa0b8", "27406f", "5a3f6e", "c78aa0", "e3bda0", "c08a62",
)  # fmt: skip


def knit(x: Tensor, breadth: float) -> Tensor:
    """Stockinette in few yarns: every stitch a V."""
    x = expose(x, 0.52)
    x = (x + 0.6 * (x - blur(x, 5.0))).clamp(0, 1)
    at = places(x.shape[-2], x.shape[-1], x.device)
    u = at[..., 0].unsqueeze(1) % 8 - 3.5
    # Colour is read where the arm of the V comes from, so that edges take the shape of stitches.
    shifted = look_up(shrink_up(x, 8), torch.zeros_like(u), 3.2 * (u.abs() / 4 - 0.5))
    y, a, b = split(vivid(shifted, 1.55))
    yarn = mix(nearest(join(y, a, b).clamp(0, 1), _YARN, 16.0), join(steps(y, 7), a, b).clamp(0, 1), 0.4)
    px, py = _fine(8)
    light = torch.zeros_like(px)
    cover = torch.zeros_like(px)
    for row in (-1, 0, 1):
        for side in (-1, 1):
            cx, cy = px - 4 - side * 1.95, py - 4 - 8 * row + 1.2
            turn = math.radians(62) * side
            c, s = math.cos(turn), math.sin(turn)
            along, across = cx * c - cy * s, cx * s + cy * c
            d = ((along / 5.6) ** 2 + (across / 2.35) ** 2).sqrt()
            arm = smoothstep(d, 1.05, 0.9)
            shade = (0.62 + 0.48 * (1 - d * d).clamp(min=0).sqrt()) * (1 + 0.10 * torch.sin(along * 2.4 + across * 1.6))
            light = light + (shade - light) * arm
            cover = torch.maximum(cover, arm)
    wool = 1 + 0.06 * pattern("noise", x) + 0.03 * pattern("paper", x)
    return yarn * (0.30 + 0.70 * _tiled(cover, x)) * (_tiled(light, x) * wool + 0.22)


def shrink_up(x: Tensor, pitch: int) -> Tensor:
    """Means of cells, each over its own pixels."""
    return grow(shrink(x, pitch), pitch)


_TOYS = (
    "f4f4f2", "c9cccf", "8f959a", "54595e", "1b1d20", "c4281b", "7b1f1a", "e76318", "f5cd2f", "fbe696", "d7b98a", "a57848",
    "6a3f28", "3f2418", "287f46", "0f4a2b", "a4bd46", "6ed0c4", "0d69ab", "1b3f77", "6fb3e3", "b4d9ec", "6b327b", "c99bd0",
    "d9635a", "f7b8ca", "f0c9a0", "c98d63",
)  # fmt: skip


def bricks(x: Tensor, breadth: float) -> Tensor:
    """Toy bricks: a stud on each, lit from the upper left."""
    x = expose(x, 0.53)
    cells = _cells(x, 8, 1.0, 1.45)
    cells = grow(mix(cells, nearest(cells, _TOYS, 18.0), 0.8), 8)
    u, v = _fine(8)
    du, dv = u - 4, v - 4
    d = (du * du + dv * dv).sqrt()
    stud = smoothstep(d, 2.75, 2.45)
    rim = smoothstep((d - 2.5).abs(), 0.7, 0.2)
    lit = -(du + dv) / (1.42 * d.clamp(min=0.3))
    shadow = smoothstep(((du - 1.0) ** 2 + (dv - 1.1) ** 2).sqrt(), 3.3, 2.3) * (1 - stud)
    light = 1 + 0.06 * stud + 0.34 * rim * lit - 0.34 * shadow
    light = light + 0.20 * smoothstep(torch.minimum(u, v), 0.9, 0.3)
    light = light - 0.42 * smoothstep(torch.minimum(8 - u, 8 - v), 0.8, 0.25)
    shine = smoothstep(((du + 0.9) ** 2 + (dv + 0.9) ** 2).sqrt(), 0.9, 0.3)
    return cells * _tiled(light, x) + 0.16 * _tiled(shine, x)


_GAME = (
    "0a0a12", "222034", "45283c", "663931", "8f563b", "df7126", "d9a066", "eec39a", "fbf236", "99e550", "6abe30", "37946e",
    "4b692f", "524b24", "323c39", "3f3f74", "306082", "5b6ee1", "639bff", "5fcde4", "cbdbfc", "ffffff", "9badb7", "847e87",
    "696a6a", "595652", "76428a", "ac3232", "d95763", "d77bba", "8f974a", "8a6f30",
)  # fmt: skip


def pixel_art(x: Tensor, breadth: float) -> Tensor:
    """Large pixels, the palette of an old game, an ordered dither."""
    x = expose(x, 0.53)
    pitch = 4 if breadth < 1.5 else 8
    along = flow(x, 3.0)
    small = shrink(kuwahara(x, 3.0, along), pitch)
    small = vivid((small + 0.7 * (small - blur(small, 1.0))).clamp(0, 1), 1.45)
    small = ((small - 0.5) * 1.15 + 0.5).clamp(0, 1)
    order = torch.tensor(
        [[0.0, 8.0, 2.0, 10.0], [12.0, 4.0, 14.0, 6.0], [3.0, 11.0, 1.0, 9.0], [15.0, 7.0, 13.0, 5.0]], device=x.device
    )
    h, w = small.shape[-2:]
    bayer = ((order + 0.5) / 16 - 0.5).repeat(-(-h // 4), -(-w // 4))[:h, :w]
    y, a, b = split(small)
    out = nearest(join(y + 0.13 * bayer, a, b).clamp(0, 1), _GAME, 40.0)
    edge = (blur(y, 1.0) - y - 0.05).clamp(0, 0.3)
    return grow(out * (1 - 1.2 * edge), pitch)


_LETTERS = " .,:;-_=+*^~'\"|/\\()[]{}<>!?il1tfjrcvxzsoaeunymwkhbdpqgILTJYVXZCOQUDSAGNHKRBPEFMW0235679%#&$@48"


@lru_cache(maxsize=4)
def _glyphs(device: torch.device) -> Tensor:
    """[letters, 64]: letters of a bold fixed-width font in cells of 8 x 8 pixels, 1 where they are lit."""
    from matplotlib import get_data_path
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSansMono-Bold.ttf", 76)
    drawn = []
    for letter in dict.fromkeys(_LETTERS):
        image = Image.new("L", (64, 64))
        ImageDraw.Draw(image).text((32, 31), letter, fill=255, font=font, anchor="mm")
        drawn.append(torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).float().view(1, 1, 64, 64) / 255)
    return shrink(torch.cat(drawn), 8).view(-1, 64).to(device)


def terminal(x: Tensor, breadth: float) -> Tensor:
    """Green letters of a terminal, each the one most like what it covers."""
    x = expose(x, 0.5)
    t = tone(x, 0.8, 0.46)
    glyphs = _glyphs(x.device)
    n, _, h, w = x.shape
    rows, columns = h // 8, w // 8
    cells = (t * 0.85).view(n, rows, 8, columns, 8).permute(0, 1, 3, 2, 4).reshape(-1, 64)
    soft = blur(glyphs.view(-1, 1, 8, 8), 0.9).view(-1, 64)
    cells_soft = blur((t * 0.85), 0.9).view(n, rows, 8, columns, 8).permute(0, 1, 3, 2, 4).reshape(-1, 64)
    gap = (soft * soft).sum(1) - 2 * cells_soft @ soft.T
    mean = cells.mean(1, keepdim=True)
    gap = gap + 45 * (soft.mean(1) - 0.62 * mean) ** 2
    # Each place has letters of its own that it would rather show, or flat areas would be one letter.
    wish = torch.rand((8, 8, len(glyphs)), generator=torch.Generator().manual_seed(85)).to(x.device)
    wish = wish.repeat(-(-rows // 8), -(-columns // 8), 1)[:rows, :columns]
    gap = gap - 2.2 * mean * wish.reshape(rows * columns, -1).repeat(n, 1)
    chosen = glyphs[gap.argmin(1)].view(n, rows, columns, 8, 8).permute(0, 1, 3, 2, 4).reshape(n, 1, h, w)
    level = grow(shrink(t, 8), 8)
    ink = ramp(0.25 + 0.75 * level, "043d1c", "0fae4b", "5dff8f", "e6ffe9") * chosen
    ghost = 0.30 * t * t * colour("2fe070", x)
    scan = 1 - 0.16 * (places(h, w, x.device)[..., 1].unsqueeze(1) % 2)
    return (colour("020d06", x) + ghost + ink + 0.55 * blur(ink, 2.2)) * scan
