"""Which noise lies where on the device: made on the host, the same numbers as everywhere, and sent once.

A stream keeps its seed, so from its second frame on its noise is there.
"""

from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..noise import noise

_NONE = (-1, -1)
"""Stands for no noise: seeds and steps are 0 or more."""


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
        return self._place((seed, index), lambda: noise(seed, index, self._shape))

    def none(self) -> int:
        """Where no noise lies: for a step that wants none, whose noise nobody draws."""
        return self._place(_NONE, lambda: np.zeros(self._shape, np.float32))

    def _place(self, key: tuple[int, int], make: Callable[[], NDArray[np.float32]]) -> int:
        if key in self._places:
            self._places.move_to_end(key)
            return self._places[key]
        made = make()
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
