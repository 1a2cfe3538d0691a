"""Which noise lies where on the device: made on the host, the same numbers as everywhere, and sent once.

A stream keeps its seed, so from its second frame on its noise is there.
"""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from ..noise import noise


class NoiseTable:
    """(seed, index) to place, for the most recently used. Knows no device.

    A place that is given anew was last used at least `capacity` different noises ago. A tick of n rows uses at most 2 n,
    so with room for 4 n a place that the tick before may still read is never given anew.
    """

    def __init__(self, capacity: int, shape: tuple[int, ...]) -> None:
        self._capacity, self._shape = capacity, shape
        self._places: OrderedDict[tuple[int, int], int] = OrderedDict()
        self._missing: list[tuple[int, NDArray[np.float32]]] = []

    def place(self, seed: int, index: int) -> int:
        """Where the noise of this seed and step lies, or will once `missing` has been sent."""
        key = (seed, index)
        if key in self._places:
            self._places.move_to_end(key)
            return self._places[key]
        made = noise(seed, index, self._shape)
        full = len(self._places) == self._capacity
        place = self._places.popitem(last=False)[1] if full else len(self._places)
        self._places[key] = place
        self._missing.append((place, made))
        return place

    def missing(self) -> list[tuple[int, NDArray[np.float32]]]:
        """The noises that are not on the device yet, and their places. Each is given once."""
        missing, self._missing = self._missing, []
        return missing

    def clear(self) -> None:
        """Nothing is on the device any more, or nobody knows. Only while no tick is under way."""
        self._places.clear()
        self._missing.clear()
