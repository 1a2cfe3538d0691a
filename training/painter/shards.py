"""Render training pictures to disk, for processors: python -m training.painter.shards --out FOLDER --first K --count N

A shard is a few sources, each painted in several looks. It is one file, which the training maps and never loads whole.
"""

import argparse
import json
import os
import random
import time
from collections.abc import Collection
from dataclasses import fields
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.families.painter.network import QUIET
from training.looks import LOOKS
from training.photographs import load as load_photographs

from .studio import Batch, Studio

SOURCES = 4
"""Sources of a shard; each is painted in so many looks."""
LOOKS_EACH = 5
LATER = 0.4
"""How often, beside pictures to repaint, those are drawn that noise takes part in: they are learnt sooner."""
KINDS = {"repaint": 0.62, "between": 0.13, "still": 0.25}


def render(studio: Studio, rng: random.Random, looks: list[int]) -> Batch:
    """A shard's pictures."""
    batches = []
    for _ in range(SOURCES):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        chosen = rng.sample(looks, min(LOOKS_EACH, len(looks)))
        if kind == "still":
            batches += [studio.paint(look, kind, 1) for look in chosen]
        else:
            batches += studio.painted(studio.sources(1, kind), chosen, kind)
    return Batch.join(batches)


def save(batch: Batch, path: Path) -> None:
    """One folder of plain arrays, in place at once."""
    scratch = path.with_suffix(".tmp")
    scratch.mkdir(parents=True, exist_ok=True)
    for field in fields(Batch):
        np.save(scratch / f"{field.name}.npy", getattr(batch, field.name).cpu().numpy())
    (scratch / "looks.json").write_text(json.dumps(list(LOOKS)))
    os.replace(scratch, path)


class Shards:
    """What has been rendered so far, read as it is needed."""

    def __init__(self, folder: Path, looks: Collection[str] = tuple(LOOKS)) -> None:
        self.folder, self._known, self._items = folder, set[Path](), list[tuple[dict[str, np.ndarray], int]]()
        self._looks, self._weights, self._summed = looks, list[float](), list[float]()

    def refresh(self) -> int:
        """Look for new shards; the number of pictures there are."""
        numbers = {name: index for index, name in enumerate(LOOKS)}
        for path in sorted(self.folder.glob("[0-9]*")):
            if path in self._known or path.suffix:
                continue
            self._known.add(path)
            arrays = {field.name: np.load(path / f"{field.name}.npy", mmap_mode="r") for field in fields(Batch)}
            # looks are numbered by their place in the list, which may have grown since
            names = json.loads((path / "looks.json").read_text())
            look = [numbers[name] if (name := names[int(k)]) in numbers and name in self._looks else -1 for k in arrays["look"]]
            arrays["look"] = np.array(look, dtype=np.int64)
            wanted = [place for place, known in enumerate(look) if known >= 0]
            self._items += [(arrays, place) for place in wanted]
            self._weights += [1.0 if arrays["t"][place] <= QUIET else LATER for place in wanted]
        self._summed = list(accumulate(self._weights))
        return len(self._items)

    def draw(self, n: int, rng: random.Random) -> Batch:
        """n pictures at random."""
        chosen = rng.choices(self._items, cum_weights=self._summed, k=n)

        def stack(name: str) -> Tensor:
            return torch.from_numpy(np.stack([np.array(arrays[name][place]) for arrays, place in chosen]))

        return Batch(*(stack(field.name) for field in fields(Batch)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--photographs", type=Path, help="where training.photographs fetched to, if not to its own folder")
    parser.add_argument("--looks", help="only these looks, comma-separated")
    args = parser.parse_args()
    torch.set_num_threads(1)
    photographs = list(load_photographs(held_out=False, folder=args.photographs).values())
    looks = [list(LOOKS).index(name) for name in args.looks.split(",")] if args.looks else list(range(len(LOOKS)))
    folder = args.out / "shards"
    studio = Studio(args.out / "things.npz", photographs, "cpu", 0)
    for index in range(args.first, args.first + args.count):
        path = folder / f"{index:05d}"
        if path.exists():
            continue
        began = time.monotonic()
        seed = 1000003 * (index + 1) + len(LOOKS)
        studio.reseed(seed)
        with torch.no_grad():
            save(render(studio, random.Random(seed), looks), path)
        print(f"shard {index} in {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
