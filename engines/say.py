"""How what takes long tells what it is doing."""

from collections.abc import Callable
from typing import TypeAlias

Say: TypeAlias = Callable[[str], None]
"""Told what is being done while an engine gets ready, a sentence at a time."""
