"""Allaprima's client: pictures in, paintings out, live.

    from allaprima import connect

    async with connect("http://127.0.0.1:8000") as live:
        async for image in live.paint(frames, prompt="watercolor"):
            image.save("painted.jpg")

Without `async`: `from allaprima.sync import connect`, and the same words. Stills from words alone: `stills`.
"""

from .errors import BadFrame, BadParams, Ended, Full, Gone, NotPainted, Refused, StreamError, TooBig
from .live import Live, connect
from .pictures import Painted, Picture, Still, Timings
from .sources import newest
from .stills import stills

__version__ = "0.1.0"

__all__ = [
    "BadFrame", "BadParams", "Ended", "Full", "Gone", "Live", "NotPainted", "Painted", "Picture", "Refused", "Still",
    "StreamError", "Timings", "TooBig", "connect", "newest", "stills",
]  # fmt: skip
