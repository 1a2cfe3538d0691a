"""From bytes to a picture whose header is known and within limits. No pixel is decoded here."""

from . import jpeg, png, webp
from .picture import DEFAULT_LIMITS, BadImage, Limits, Picture


def walk(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """What these bytes say they show, if it is a JPEG, WebP or PNG within limits. Raises BadImage."""
    if png.is_png(data):
        return png.walk(data, limits)
    if webp.is_webp(data):
        return webp.walk(data, limits)
    if jpeg.find(data) >= 0:
        return jpeg.walk(data, limits)
    raise BadImage("not a JPEG, WebP or PNG image")
