"""The kinds of network that students come in: how each becomes graphs, and how its graphs become modules again."""

from .family import Family
from .registry import FAMILIES, family_of, find_family

__all__ = ["FAMILIES", "Family", "family_of", "find_family"]
