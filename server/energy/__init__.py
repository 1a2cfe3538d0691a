"""Energy: what the machine uses, and for whose images. Read from meters where there are any; nothing is said where not."""

from .build import Energy, build_energy
from .ledger import Ledger, Spent

__all__ = ["Energy", "Ledger", "Spent", "build_energy"]
