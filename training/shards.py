"""Render training pairs to disk: python -m training.shards --out FOLDER --count N [--first K].

A pair is a plain source and its target in the style the caption asks for, both as latents. In a *still* pair the
scene is the one that the pair's noise means (`coupling`); in a *repaint* pair any picture may be the source.
"""

import argparse
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from engines.families.embedded.codec import Codec

from .captions import build_tokenizer, random_wish, repaint_caption, scene_caption
from .coupling import scene_for
from .pairs import PairKind
from .pictures import training_photographs
from .scenes import render
from .sources import noise_for, pixels_of, random_source, styled
from .words import STYLES

SHARD = 512


def load_codec(folder: Path) -> Codec:
    codec = Codec()
    codec.load_state_dict(torch.load(folder / "codec.pt", weights_only=True))
    return codec.eval()


def write_shard(path: Path, index: int, codec: Codec, photographs: list[Image.Image], stills: float) -> None:
    rng = random.Random(1000003 * (index + 1))
    tokenizer = build_tokenizer()
    captions: list[str] = []
    seeds: list[int] = []
    kinds: list[PairKind] = []
    sources: list[Tensor] = []
    targets: list[Tensor] = []
    while len(captions) < SHARD:
        seed = rng.getrandbits(32)
        if rng.random() < stills:
            wish = random_wish(rng)
            source = render(scene_for(wish, noise_for(seed)))
            captions.append(scene_caption(wish, rng))
            targets.append(styled(source, wish.style))
            sources.append(source)
            seeds.append(seed)
            kinds.append(PairKind.STILL)
            continue
        source = random_source(photographs, rng)
        for style, asks_for_scene in zip(rng.sample(STYLES, 3), (False, False, rng.random() < 0.6), strict=True):
            wish = replace(random_wish(rng), style=style)
            captions.append(scene_caption(wish, rng) if asks_for_scene else repaint_caption(style, rng))
            targets.append(styled(source, style))
            sources.append(source)
            seeds.append(rng.getrandbits(32))
            kinds.append(PairKind.FOREIGN if asks_for_scene else PairKind.REPAINT)
    with torch.no_grad():
        source_latents = codec.encode(pixels_of(sources[:SHARD])).half().numpy()
        target_latents = codec.encode(pixels_of(targets[:SHARD])).half().numpy()
    tokens = np.array([e.ids for e in tokenizer.encode_batch(captions[:SHARD])], dtype=np.int16)
    temporary = path.with_suffix(".tmp.npz")
    np.savez(
        temporary,
        source=source_latents,
        target=target_latents,
        tokens=tokens,
        seed=np.array(seeds[:SHARD], dtype=np.uint32),
        kind=np.array(kinds[:SHARD], dtype=np.uint8),
    )
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--stills", type=float, default=0.55, help="share of still pairs")
    args = parser.parse_args()
    torch.set_num_threads(1)
    codec = load_codec(args.out)
    photographs = training_photographs()
    folder = args.out / "shards"
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(args.first, args.first + args.count):
        write_shard(folder / f"{index:05d}.npz", index, codec, photographs, args.stills)
        print(f"shard {index}", flush=True)


if __name__ == "__main__":
    main()
