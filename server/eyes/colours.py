"""Eyes for colours and light, by Pillow."""

import numpy as np
from PIL import Image, ImageFilter

from .eye import Eye, Knob, Knobs, Pixels


def _grey(pixels: Pixels, knobs: Knobs) -> Pixels:
    return np.array(Image.fromarray(pixels).convert("L").convert("RGB"))


def _ink(pixels: Pixels, knobs: Knobs) -> Pixels:
    """White where a colour is darker: a sketch in ink, as pix2pix-turbo was shown it."""
    return np.where(pixels < knobs["level"], np.uint8(255), np.uint8(0))


def _palette(pixels: Pixels, knobs: Knobs) -> Pixels:
    """Squares of the mean colour, as T2I-Adapter's for colour was shown."""
    height, width, _ = pixels.shape
    cell = knobs["cell"]
    small = Image.fromarray(pixels).resize((max(1, round(width / cell)), max(1, round(height / cell))), Image.Resampling.BOX)
    return np.array(small.resize((width, height), Image.Resampling.NEAREST))


def _tile(pixels: Pixels, knobs: Knobs) -> Pixels:
    """The frame itself, or of it what a blur leaves, for ControlNets that add details."""
    return np.array(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(knobs["blur"]))) if knobs["blur"] else pixels.copy()


GREY = Eye(_grey)
INK = Eye(_ink, {"level": Knob(128, 1, 255)})
PALETTE = Eye(_palette, {"cell": Knob(64, 4, 256)})
TILE = Eye(_tile, {"blur": Knob(0, 0, 32)})
