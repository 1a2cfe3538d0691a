"""The painter's network: a UNet without norms on cells of 4 x 4 pixels, and a head that lays inks by thresholding textures.

What a look is made of is given, so that little has to be learned: fixed textures (the looks' own maps), noise smeared along
any direction (`bank`), the flow of the forms, contour lines. The net says where each is used. Two inks are laid over the
painted ground, each covering a pixel where texture and picture together exceed a threshold: hatching, dots, bristles and lines
stay as sharp as the pixels are, while the net works on cells.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .scene import MAP, Asked, choices, grid, scene
from .shapes import CELL, CHANNELS, WIDTH

WIDTHS = (32, 48, 96, 128)
EMBEDDING = 96
INKS = 2
DIRECTIONS = 8
CYCLES = 11
"""Fixed waves that tell where a cell lies in patterns of 8, 16 and 64 pixels."""
FLOW = 3
STEADY = 6.0
"""How surely a stroke that runs along the forms takes the nearest direction of the bank's."""
MEETING = 3 + INKS + INKS * 4
"""Numbers that go over from one cell into the next: the ground's mean colour, the inks' thresholds, uses and colours."""
QUIET = 0.6
"""Up to this time a picture to repaint is not noised (the contract's `quiet`)."""
TOUCH = 2 * (2 * sum(WIDTHS[1:]) + WIDTHS[0])
"""Numbers that a look scales and shifts the blocks' features by, of its own: learned sooner than through the embedding that all
looks share."""
HEAD = CHANNELS + INKS * (CELL * CELL + 4) + 2
"""Numbers that a cell's features become: the ground, of each ink its threshold at each pixel, its use of the texture and its
colour, and the direction that strokes take."""


def noise_share(t: Tensor) -> Tensor:
    """How much of the input is noise (the contract's level of noise)."""
    return ((t - QUIET) / (1 - QUIET)).clamp(0, 1)


def scene_share(t: Tensor) -> Tensor:
    """How much of what the prompt names is painted: nothing up to 0.75, all from 0.8 on."""
    return ((t - 0.75) / 0.05).clamp(0, 1)


def landscape_share(t: Tensor) -> Tensor:
    """How much the landscape replaces what is behind the thing: all of it at 1."""
    return ((t - 0.8) / 0.2).clamp(0, 1)


def compose(x: Tensor, t: Tensor, drawn: Tensor, cover: Tensor) -> Tensor:
    """What is to be painted, as latents: the input x, and before it the scene, drawn [n, 3, 2 h, 2 w] in [-1, 1] with the
    thing's cover [n, 1, 2 h, 2 w], as far as the time lets it show.
    """
    n, _, h, w = x.shape
    seen = x / (1 - noise_share(t)).clamp(min=0.5)[:, None, None, None]
    share = 1 - (1 - cover * scene_share(t)[:, None, None, None]) * (1 - landscape_share(t)[:, None, None, None])
    # two pixels of the picture across and down are one of the scene
    small = F.pixel_unshuffle(torch.cat([drawn, share], 1), 2).view(n, 4, 2, 1, 2, 1, h, w)
    large = small.expand(n, 4, 2, 2, 2, 2, h, w).reshape(n, 4, CELL * CELL, h, w)
    seen = seen.view(n, 3, CELL * CELL, h, w)
    return (seen + (large[:, :3] - seen) * large[:, 3:]).reshape(n, CHANNELS, h, w)


def head_size(maps: int) -> int:
    """Numbers of a look's own head: its matrix, its textures, its pattern of 8 pixels, how much of the picture shows, and how
    much its strokes run along the forms, and how smoothly one cell goes over into the next."""
    return HEAD * WIDTHS[0] + INKS * (maps + 2) + INKS * 4 * CELL * CELL + 3 + 1 + 1


def rows(maps: int, variants: int) -> int:
    """Rows of the conditioning."""
    return 1 + -(-head_size(maps) // WIDTH) + TOUCH // WIDTH + variants * 4 * MAP * MAP // WIDTH


@dataclass(frozen=True)
class Told:
    """The conditioning, taken apart."""

    look: Tensor
    head: Tensor
    touch: Tensor
    asked: Asked


def pack(look: Tensor, head: Tensor, touch: Tensor, asked: Asked) -> Tensor:
    """look [n, 96], head [n, head_size], touch [n, TOUCH], and what is asked for, to the conditioning [n, rows, 128]."""
    first = torch.cat([look, asked.colour, asked.coloured[:, None], asked.named[:, None]], 1)
    first = F.pad(first, (0, WIDTH - first.shape[1]))
    second = F.pad(head, (0, -head.shape[1] % WIDTH))
    flat = torch.cat([first, second, touch, asked.drawings.flatten(1)], 1)
    return flat.view(flat.shape[0], -1, WIDTH)


def unpack(conditioning: Tensor, maps: int) -> Told:
    size = head_size(maps)
    flat = conditioning.flatten(1)
    after = WIDTH * (1 + -(-size // WIDTH))
    drawings = flat[:, after + TOUCH :].view(flat.shape[0], -1, 4, MAP, MAP)
    e = EMBEDDING
    asked = Asked(flat[:, e : e + 3], flat[:, e + 3], flat[:, e + 4], drawings)
    return Told(flat[:, :e], flat[:, WIDTH : WIDTH + size], flat[:, after : after + TOUCH], asked)


class Block(nn.Module):
    """Two 3 x 3 convolutions beside the way through, the first scaled and shifted by the embedding and the look's own touch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.told = nn.Linear(EMBEDDING, 2 * width)
        nn.init.normal_(self.second.weight, std=0.3 / math.sqrt(9 * width))
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, embedding: Tensor, touch: Tensor) -> Tensor:
        scale, shift = (self.told(embedding) + touch)[:, :, None, None].chunk(2, 1)
        out: Tensor = x + self.second(F.silu(self.first(x) * (1 + scale) + shift))
        return out


class Fixed(NamedTuple):
    """What is the same in every picture, one for all [1, ...] or as it lies in each of a batch's parts."""

    maps: Tensor
    bank: Tensor
    waves: Tensor


class Painter(nn.Module):
    """Latents [n, 48, 128, 128] (a picture in [-1, 1], its 4 x 4 pixels as channels), time [n] in 0..1 and conditioning to the
    painted latents.

    `maps` [m, 16, 128, 128] are the looks' fixed patterns, `bank` [8, 16, 128, 128] noise smeared in eight directions.
    """

    maps: Tensor
    bank: Tensor
    waves: Tensor
    axes: Tensor

    def __init__(self, maps: Tensor, bank: Tensor) -> None:
        super().__init__()
        a, b, c, d = WIDTHS
        self.register_buffer("maps", maps)
        self.register_buffer("bank", bank)
        self.register_buffer("waves", cycles(maps.shape[-1]), persistent=False)
        angle = torch.arange(DIRECTIONS) * (2 * math.pi / DIRECTIONS)
        self.register_buffer("axes", torch.stack([angle.cos(), angle.sin()], 1), persistent=False)
        self.time = nn.Linear(16, EMBEDDING)
        self.mood = nn.Linear(3, EMBEDDING)
        self.mix = nn.Sequential(nn.Linear(EMBEDDING, EMBEDDING), nn.SiLU(), nn.Linear(EMBEDDING, EMBEDDING), nn.SiLU())
        self.enter = nn.Conv2d(CHANNELS + FLOW + maps.shape[0] + CYCLES, a, 1)
        self.see = nn.Conv2d(a, a, 3, padding=1)
        self.down1, self.down2, self.down3 = (nn.Conv2d(p, q, 3, stride=2, padding=1) for p, q in ((a, b), (b, c), (c, d)))
        self.work1, self.work2, self.work3 = Block(b), Block(c), Block(d)
        self.deep3, self.deep2, self.deep1, self.deep0 = Block(d), Block(c), Block(b), Block(a)
        self.up3, self.up2, self.up1 = (nn.Conv2d(p, 4 * q, 1) for p, q in ((d, c), (c, b), (b, a)))
        self.contour = nn.Conv2d(CELL * CELL, CELL * CELL, 3, padding=1)
        with torch.no_grad():
            self.contour.weight.copy_(_contour())
            self.contour.bias.zero_()  # type: ignore[union-attr]

    def embed(self, look: Tensor, t: Tensor, mean: Tensor) -> Tensor:
        turns = t[:, None] * torch.arange(1, 9, device=t.device, dtype=t.dtype) * (math.pi / 2)
        out: Tensor = self.mix(look + self.time(torch.cat([turns.sin(), turns.cos()], 1)) + self.mood(mean))
        return out

    def forward(self, x: Tensor, t: Tensor, conditioning: Tensor) -> Tensor:
        told = self.unpack(conditioning)
        return self.paint_whole(self.composed(x, t, told.asked)[0], t, told)

    def unpack(self, conditioning: Tensor) -> Told:
        return unpack(conditioning, self.maps.shape[0])

    def composed(self, x: Tensor, t: Tensor, asked: Asked) -> tuple[Tensor, Tensor, Tensor]:
        """What is to be painted, as latents [n, 48, h, w]; what the noise chose of it [n, 12]; the thing's cover
        [n, 1, 2 h, 2 w].
        """
        u = choices(x, noise_share(t).clamp(min=0.05))
        drawn, cover = scene(u, asked, grid(x.shape[-1] * 2, x))
        return compose(x, t, drawn * 2 - 1, cover), u, cover

    def paint_whole(self, content: Tensor, t: Tensor, told: Told) -> Tensor:
        """Paint whole pictures that were composed."""
        return self.paint(content, t, told, content.view(content.shape[0], 3, -1).mean(-1), self.fixed())

    def fixed(self, origins: Sequence[tuple[int, int]] | None = None, side: int = 0) -> Fixed:
        """For whole pictures, or for squares whose upper left cells are `origins`, one a row of a batch."""
        whole = (self.maps, self.bank, self.waves)
        if origins is None:
            return Fixed(*(maps[None] for maps in whole))
        return Fixed(*(torch.stack([maps[..., a : a + side, b : b + side] for a, b in origins]) for maps in whole))

    def paint(self, x: Tensor, t: Tensor, told: Told, mean: Tensor, fixed: Fixed) -> Tensor:
        """Paint what was composed: latents x, whole or a part, of a picture of the mean colour [n, 3]."""
        n, _, h, w = x.shape
        embedding = self.embed(told.look, t, mean)
        rgb = x.view(n, 3, CELL * CELL, h, w)
        luma = 0.299 * rgb[:, 0] + 0.587 * rgb[:, 1] + 0.114 * rgb[:, 2]
        forms = flow(luma)
        a, b, c, d = (2 * width for width in WIDTHS)
        touch = torch.split(told.touch, [b, c, d, d, c, b, a], 1)
        h0 = F.silu(self.see(F.silu(self._enter(torch.cat([x, forms], 1), fixed))))
        h1 = self.work1(self.down1(h0), embedding, touch[0])
        h2 = self.work2(self.down2(h1), embedding, touch[1])
        deep = self.deep3(self.work3(self.down3(h2), embedding, touch[2]), embedding, touch[3])
        deep = self.deep2(F.pixel_shuffle(self.up3(deep), 2) + h2, embedding, touch[4])
        deep = self.deep1(F.pixel_shuffle(self.up2(deep), 2) + h1, embedding, touch[5])
        deep = self.deep0(F.pixel_shuffle(self.up1(deep), 2) + h0, embedding, touch[6])
        return self._head(deep, told.head, rgb, luma, forms, fixed)

    def _enter(self, seen: Tensor, fixed: Fixed) -> Tensor:
        """The first layer: of what is fixed apart, where a runtime can make it once for all pictures."""
        weight, bias = self.enter.weight, self.enter.bias
        patterns = torch.cat([fixed.maps.mean(2), fixed.waves], 1)
        of_patterns = F.conv2d(patterns, weight[:, seen.shape[1] :], bias)
        return F.conv2d(seen, weight[:, : seen.shape[1]]) + of_patterns

    def _head(self, deep: Tensor, head: Tensor, rgb: Tensor, luma: Tensor, forms: Tensor, fixed: Fixed) -> Tensor:
        n, a, h, w = deep.shape
        maps, bank, waves = fixed
        cell, m = CELL * CELL, self.maps.shape[0]
        sizes = [HEAD * a, INKS * m, INKS * 2, INKS * cell * 4, 3, 1, 1]
        matrix, mixed, own, weave, shown, along, soft = torch.split(head, sizes, 1)
        out = (meeting(matrix.view(n, HEAD, a), soft) @ deep.flatten(2)).view(n, -1, h, w)
        sizes = [CHANNELS, INKS * cell, 2, INKS * 4, MEETING]
        ground, thresholds, turn, used, flat = torch.split(out, sizes, 1)
        over = Between(flat)
        pixels = (n, -1, CELL, CELL, h, w)
        ground = ground.view(pixels) + over.part(0, 3) + rgb.view(pixels) * shown[:, :, None, None, None, None]
        thresholds = thresholds.view(pixels)
        # strokes run along the forms: across their gradient, which at twice the angle is the other way
        turned = turn - STEADY * along[:, :, None, None] * forms[:, :2]
        heading = (self.axes @ turned.flatten(2)).softmax(1).view(n, DIRECTIONS, 1, h, w)
        # one by one: all at once they would be written and read again, eight times what comes of them
        bristles = heading[:, 0] * bank[:, 0]
        for k in range(1, DIRECTIONS):
            bristles = bristles + heading[:, k] * bank[:, k]
        contour = self.contour(luma)
        contour = contour / (F.avg_pool2d(contour.abs().mean(1, keepdim=True), 5, 1, 2) + 0.05)
        textures = (mixed.view(n, INKS, m) @ maps.flatten(2)).view(n, INKS, cell, h, w)
        woven = torch.cat([torch.ones_like(waves[:, :1]), waves[:, :3]], 1)
        textures = textures + (weave.view(n, INKS * cell, 4) @ woven.flatten(2)).view(n, INKS, cell, h, w)
        for ink in range(INKS):
            own_bristles, own_contour = own[:, 2 * ink, None, None, None], own[:, 2 * ink + 1, None, None, None]
            texture = textures[:, ink] + own_bristles * bristles + own_contour * contour
            of_cell = used[:, 4 * ink : 4 * ink + 4, None, None]
            first = 3 + INKS + 4 * ink
            threshold = thresholds[:, ink : ink + 1] + over.part(3 + ink, 4 + ink)
            use = of_cell[:, :1] + over.part(first, first + 1)
            colour = of_cell[:, 1:] + over.part(first + 1, first + 4)
            laid = torch.sigmoid(2 * threshold + (1 + use) * texture.view(pixels))
            ground = ground + laid * (colour - ground)
        return ground.reshape(n, CHANNELS, h, w)


def meeting(matrix: Tensor, soft: Tensor) -> Tensor:
    """A look's matrix [n, HEAD, a], taken apart so that what cells say as a whole can go over from one to the next, by `soft`
    [n, 1], or their borders show: rows of the ground and of the thresholds without that part of their means, of the direction,
    of what the inks' uses and colours are in each cell by itself, and MEETING rows of what goes over.

    All of it is linear, so it is done to the matrix, once a picture, and not to what the matrix makes, at every pixel.
    """
    n, _, a = matrix.shape
    parts = torch.split(matrix, [CHANNELS, *[CELL * CELL, 4] * INKS, 2], 1)
    soft = soft[:, :, None]
    ground, thresholds = parts[0].view(n, 3, -1, a), torch.stack(parts[1:-1:2], 1)
    used = torch.cat(parts[2:-1:2], 1)
    whole, level = soft * ground.mean(2), soft * thresholds.mean(2)
    ground, thresholds = ground - whole[:, :, None], thresholds - level[:, :, None]
    alone = (1 - soft) * used
    return torch.cat([ground.flatten(1, 2), thresholds.flatten(1, 2), parts[-1], alone, whole, level, soft * used], 1)


class Between:
    """What cells say [n, c, h, w] to what their pixels are, on straight lines from middle to middle; beyond the edges cells
    are as those at the edge. Parts of it are made where they are used: they are sixteen times what they are made of.
    """

    def __init__(self, cells: Tensor) -> None:
        # for pixels 0 to 3 of a cell, how far they are from its middle towards the cell before, and the one after
        off = (torch.arange(CELL, dtype=cells.dtype, device=cells.device) + 0.5) / CELL - 0.5
        self._before, self._after = (-off).clamp(min=0), off.clamp(min=0)
        left, right = _neighbours(cells, -1)
        before, after = self._before[:, None, None], self._after[:, None, None]
        cells, left, right = cells[:, :, None], left[:, :, None], right[:, :, None]
        self._across = cells + before * (left - cells) + after * (right - cells)
        self._above, self._below = _neighbours(self._across, -2)

    def part(self, first: int, end: int) -> Tensor:
        """Channels from `first` to before `end`: [n, end - first, 4, 4, h, w], the pixels of each cell down and across."""
        across, above, below = (x[:, first:end, None] for x in (self._across, self._above, self._below))
        before, after = self._before[:, None, None, None], self._after[:, None, None, None]
        out: Tensor = across + before * (above - across) + after * (below - across)
        return out


def _neighbours(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """x moved on by one along an axis, and back by one, its edge kept."""
    size = x.shape[axis]
    before = torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, size - 1)], axis)
    return before, torch.cat([x.narrow(axis, 1, size - 1), x.narrow(axis, size - 1, 1)], axis)


def flow(luma: Tensor) -> Tensor:
    """Luma [n, 16, h, w] to twice the angle of the gradient (cosine and sine, times how sure it is) and its strength."""
    half = F.avg_pool2d(F.pixel_shuffle(luma, CELL), 2)
    dx, dy = half[..., 1:, 1:] - half[..., 1:, :-1], half[..., 1:, 1:] - half[..., :-1, 1:]
    tensor = F.pad(torch.cat([dx * dx, dy * dy, dx * dy], 1), (1, 0, 1, 0))
    tensor = F.avg_pool2d(F.avg_pool2d(tensor, 2), 5, 1, 2, count_include_pad=False)
    energy = tensor[:, :1] + tensor[:, 1:2] + 4e-4
    return torch.cat([(tensor[:, :1] - tensor[:, 1:2]) / energy, 2 * tensor[:, 2:] / energy, energy.sqrt()], 1)


def cycles(side: int) -> Tensor:
    """[11, side, side]: halves of 8 pixels across, down and both; waves of 16 and of 64 pixels."""
    k = torch.arange(side, dtype=torch.float32)
    even = 1 - 2 * (k % 2)
    x, y = even[None, :].expand(side, side), even[:, None].expand(side, side)
    planes = [x, y, x * y]
    for cells in (4, 16):
        angle = (k + 0.5) * (2 * math.pi / cells)
        for wave in (angle.sin(), angle.cos()):
            planes += [wave[None, :].expand(side, side), wave[:, None].expand(side, side)]
    return torch.stack(planes)


def _contour() -> Tensor:
    """A difference of Gaussians of pixels as a convolution of cells: [16, 16, 3, 3]."""
    reach = torch.arange(-5, 6, dtype=torch.float32)

    def bell(sigma: float) -> Tensor:
        g = torch.exp(-0.5 * (reach / sigma) ** 2)
        return torch.outer(g, g) / g.sum() ** 2

    kernel = (bell(2.1) - bell(1.2)) * 4
    weight = torch.zeros(CELL, CELL, 3 * CELL, 3 * CELL)
    for i in range(CELL):
        for j in range(CELL):
            # of the window of 12 x 12 pixels around the cell, those within 5 of this one
            for p in range(max(0, i - 1), min(12, i + 10)):
                for q in range(max(0, j - 1), min(12, j + 10)):
                    weight[i, j, p, q] = kernel[p - (i - 1), q - (j - 1)]
    weight = weight.view(CELL * CELL, 3, CELL, 3, CELL).permute(0, 2, 4, 1, 3)
    return weight.reshape(CELL * CELL, CELL * CELL, 3, 3)
