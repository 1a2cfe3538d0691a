"""Eyes for edges, by OpenCV: white on black, as ControlNets for canny, lines and soft edges were shown them."""

from typing import Any

import numpy as np

from .eye import Eye, Knob, Knobs, Pixels

_NEXT = 1.6
"""How much wider the second Gaussian of a difference is (Marr and Hildreth 1980)."""


def _cv() -> Any:
    import cv2

    cv2.setNumThreads(1)  # who looks does so on a thread of a pool, which is the bound for all
    return cv2


def _grey(pixels: Pixels) -> Pixels:
    grey: Pixels = _cv().cvtColor(pixels, _cv().COLOR_RGB2GRAY)
    return grey


def _in_colours(grey: Pixels) -> Pixels:
    return np.ascontiguousarray(np.broadcast_to(grey[..., None], (*grey.shape, 3)))


def _canny(pixels: Pixels, knobs: Knobs) -> Pixels:
    low, high = sorted((knobs["low"], knobs["high"]))
    return _in_colours(_cv().Canny(_grey(pixels), low, high))


def _lines(pixels: Pixels, knobs: Knobs) -> Pixels:
    """Dark strokes as a difference of Gaussians (Winnemoeller 2011), brighter the more they stand out."""
    cv, grey = _cv(), _grey(pixels).astype(np.float32)
    width = knobs["width"]
    difference = cv.GaussianBlur(grey, (0, 0), _NEXT * width) - cv.GaussianBlur(grey, (0, 0), width)
    return _in_colours(np.clip(knobs["gain"] * difference, 0, 255).astype(np.uint8))


def _soft(pixels: Pixels, knobs: Knobs) -> Pixels:
    """The gradient's length in the colour where it is largest, after a blur."""
    cv, width = _cv(), knobs["width"]
    smooth = cv.GaussianBlur(pixels, (0, 0), width) if width else pixels
    # the kernel's weights sum to 16 on each side
    across, down = (cv.Scharr(smooth, cv.CV_32F, *way) / 16 for way in ((1, 0), (0, 1)))
    return _in_colours(np.clip(knobs["gain"] * cv.magnitude(across, down).max(2), 0, 255).astype(np.uint8))


CANNY = Eye(_canny, {"low": Knob(100, 0, 1000), "high": Knob(200, 0, 1000)})
LINES = Eye(_lines, {"width": Knob(1.0, 0.5, 8), "gain": Knob(12, 0.5, 100)})
SOFT = Eye(_soft, {"width": Knob(1.5, 0, 16), "gain": Knob(6, 0.5, 100)})
