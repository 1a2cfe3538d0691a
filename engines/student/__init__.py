"""What a student is: its numbers, its size, what it can do, and where its weights are. Values only."""

from .contract import Contract, Step, UnsupportedStrength
from .student import Guidance, Student

__all__ = ["Contract", "Guidance", "Step", "Student", "UnsupportedStrength"]
