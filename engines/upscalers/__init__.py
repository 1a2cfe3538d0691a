"""Super-resolution as a stage after a student: pictures made 2 or 4 times larger, tile by tile, by a graph of its own."""

from .enlarger import Enlargement, Enlarger, Shape

__all__ = ["Enlargement", "Enlarger", "Shape"]
