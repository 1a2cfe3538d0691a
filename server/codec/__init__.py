"""Images to bytes and back. Blocking: call it from a pool, never on the event loop.

A picture's header is walked first, in bounded time, and what it promises is judged before a pixel is decoded. Colour profiles
are not applied: numbers are taken as sRGB. Transparent pictures are laid on `BACKDROP`.
"""

from .decode import decode
from .encode import encode
from .mask import BadMask, Mask, decode_mask, walk_mask
from .picture import BACKDROP, DEFAULT_LIMITS, BadImage, Limits, Picture, Pixels
from .walk import walk

__all__ = [
    "BACKDROP",
    "DEFAULT_LIMITS",
    "BadImage",
    "BadMask",
    "Limits",
    "Mask",
    "Picture",
    "Pixels",
    "decode",
    "decode_mask",
    "encode",
    "walk",
    "walk_mask",
]
