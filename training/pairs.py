"""Training pairs: what one is, and all of a folder's in memory."""

from enum import IntEnum
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .sources import noise_for


class PairKind(IntEnum):
    """What a pair teaches.

    STILL: the scene that the pair's noise means, and that scene in a style. REPAINT: any picture, and the same in a style.
    FOREIGN: the caption asks for a scene, the source shows something else, and only the style is followed.
    """

    STILL = 0
    REPAINT = 1
    FOREIGN = 2


class Pairs:
    """All shards of a folder, in half precision."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: set[str] = set()
        self._arrays: dict[str, list[NDArray[np.generic]]] = {}

    def refresh(self) -> int:
        """Read shards that are new; the number of pairs there are."""
        for path in sorted(self.folder.glob("[0-9]*.npz")):
            if path.name in self._names or ".tmp" in path.name:
                continue
            with np.load(path) as data:
                for key in data.files:
                    self._arrays.setdefault(key, []).append(data[key])
            self._names.add(path.name)
        return sum(len(kinds) for kinds in self._arrays.get("kind", []))

    def draw(self, count: int, rng: np.random.Generator, stills: float) -> dict[str, Tensor]:
        """A batch in which each pair is a still with this probability, however many of them there are."""
        shards = rng.integers(len(self._names), size=count)
        rows = []
        for shard in shards:
            of_kind = np.flatnonzero((self._arrays["kind"][shard] == PairKind.STILL) == (rng.random() < stills))
            rows.append(int(rng.choice(of_kind if len(of_kind) else len(self._arrays["kind"][shard]))))
        batch = {
            key: torch.from_numpy(np.stack([arrays[s][r] for s, r in zip(shards, rows, strict=True)]).astype(np.float32))
            for key, arrays in self._arrays.items()
            if key != "seed"
        }
        seeds = (int(self._arrays["seed"][s][r]) for s, r in zip(shards, rows, strict=True))
        batch["noise"] = torch.stack([noise_for(seed) for seed in seeds])
        return batch
