"""What a student is: its numbers, its size, what it can do, and where its weights are. Values only."""

from .contract import Contract, NeedsPicture, Step, UnsupportedStrength
from .control import MOST_SCALE, PICTURE, Control
from .student import Guidance, Student
from .upscaler import SCALES, Upscaler

__all__ = [
    "MOST_SCALE", "PICTURE", "SCALES", "Contract", "Control", "Guidance", "NeedsPicture", "Step", "Student",
    "UnsupportedStrength", "Upscaler",
]  # fmt: skip
