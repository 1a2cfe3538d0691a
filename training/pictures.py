"""Source images that no renderer drew: photographs from well-known packages, and dead leaves."""

import random
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

HELD_OUT = ("astronaut", "chelsea", "coffee", "rocket")
"""Photographs of scikit-image that the evaluation repaints, and no training ever sees."""

_TRAINING = (
    "brick", "camera", "coins", "grass", "gravel", "hubble_deep_field", "ihc", "moon", "retina", "motorcycle_left",
    "motorcycle_right",
)  # fmt: skip


def _square(image: Image.Image, pixels: int) -> Image.Image:
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side)).resize((pixels, pixels), Image.Resampling.LANCZOS)


def _skimage(name: str) -> Image.Image:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return Image.open(next(folder.glob(name + ".*"))).convert("RGB")


def to_tensor(image: Image.Image) -> Tensor:
    """float [3, h, w] in [0, 1]."""
    return torch.from_numpy(np.asarray(image.convert("RGB"), dtype=np.float32) / 255).permute(2, 0, 1)


def held_out_photographs(pixels: int = 256) -> dict[str, Tensor]:
    """The evaluation's photographs by name, each float [3, pixels, pixels]."""
    return {name: to_tensor(_square(_skimage(name), pixels)) for name in HELD_OUT}


def training_photographs(extra: Path | None = None) -> list[Image.Image]:
    """Photographs for training: scikit-image's others, scikit-learn's two, matplotlib's one, and any folder of yours."""
    import matplotlib
    import sklearn

    paths = list((Path(sklearn.__file__).parent / "datasets" / "images").glob("*.jpg"))
    paths.append(Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    if extra is not None:
        paths += [p for p in sorted(extra.rglob("*")) if p.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}]
    photographs = [_skimage(name) for name in _TRAINING] + [Image.open(p).convert("RGB") for p in paths]
    for image in photographs:
        image.thumbnail((900, 900))
    return photographs


def random_crop(image: Image.Image, rng: random.Random, pixels: int = 256) -> Tensor:
    """A random square of a photograph, perhaps mirrored, its exposure and colours a little changed."""
    side = int(min(image.size) * rng.uniform(0.35, 1.0))
    left, top = rng.randint(0, image.width - side), rng.randint(0, image.height - side)
    piece = image.resize(
        (pixels, pixels), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side), reducing_gap=2.0
    )
    x = to_tensor(piece)
    if rng.random() < 0.5:
        x = x.flip(-1)
    if rng.random() < 0.3:
        x = x[torch.randperm(3, generator=torch.Generator().manual_seed(rng.getrandbits(32)))]
    grey = x.mean(0, keepdim=True)
    x = grey + (x - grey) * rng.uniform(0.4, 1.5)
    return (x.clamp(0, 1) ** rng.uniform(0.6, 1.6)).clamp(0, 1)


def dead_leaves(rng: random.Random, pixels: int = 256) -> Tensor:
    """Occluding discs, boxes and polygons of power-law sizes: the statistics of natural images (Lee, Mumford, Huang 2001)."""
    image = Image.new("RGB", (pixels, pixels))
    draw = ImageDraw.Draw(image)
    hue = np.array([rng.random() for _ in range(3)])
    spread = rng.uniform(0.1, 0.6)
    for _ in range(rng.randrange(40, 220)):
        r = min(6.0 * (1.0 - rng.random()) ** -0.6, pixels / 2)
        x, y = rng.uniform(0, pixels), rng.uniform(0, pixels)
        rgb = np.clip(hue + spread * np.array([rng.gauss(0, 1) for _ in range(3)]), 0, 1)
        fill = (int(rgb[0] * 255), int(rgb[1] * 255), int(rgb[2] * 255))
        kind = rng.random()
        if kind < 0.6:
            stretch = rng.uniform(0.4, 1.0)
            draw.ellipse((x - r, y - r * stretch, x + r, y + r * stretch), fill=fill)
        elif kind < 0.8:
            draw.rectangle((x - r, y - r * rng.random(), x + r, y + r * rng.random()), fill=fill)
        else:
            draw.polygon(
                [(x + r * rng.uniform(-1, 1), y + r * rng.uniform(-1, 1)) for _ in range(rng.randrange(3, 6))], fill=fill
            )
    tensor = to_tensor(image.filter(ImageFilter.GaussianBlur(rng.choice((0.6, 0.8, 1.5)))))
    field = torch.rand((1, 3, 4, 4), generator=torch.Generator().manual_seed(rng.getrandbits(32)))
    shade = torch.nn.functional.interpolate(field, (pixels, pixels), mode="bicubic", align_corners=True)[0]
    return (tensor * (0.65 + 0.6 * shade)).clamp(0, 1)
