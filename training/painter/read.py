"""Train the reader of prompts: python -m training.painter.read --out FOLDER. A few minutes, apart from the painter.

What a prompt asks for is grammar, and learned far sooner from captions alone than through pictures.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor

from engines.families.painter.text import Reader
from training.looks import LOOKS

from .studio import COLOURS
from .things import things
from .words import Wish, build_tokenizer, caption, random_wish


def new_reader(tokenizer: Tokenizer) -> Reader:
    return Reader(tokenizer.get_vocab_size(), len(LOOKS), len(things()), len(COLOURS))


def captions(n: int, tokenizer: Tokenizer, rng: random.Random) -> tuple[Tensor, Tensor]:
    """Token ids [n, 24] of random captions, and what each asks for [n, 4]: look, thing, its colour, the background's."""
    wishes = [random_wish(rng) for _ in range(n)]
    ids = [e.ids for e in tokenizer.encode_batch([caption(wish, rng) for wish in wishes])]
    return torch.tensor(ids), torch.tensor([labels(wish) for wish in wishes])


def labels(wish: Wish) -> list[int]:
    none = (len(things()), len(COLOURS), len(COLOURS))
    asked = (wish.thing, wish.colour, wish.behind)
    return [wish.look, *(value if value is not None else n for value, n in zip(asked, none, strict=True))]


@torch.no_grad()
def understood(reader: Reader, tokenizer: Tokenizer, n: int, seed: int) -> list[float]:
    """Of n captions the share whose look, thing, colour and background are read right."""
    ids, wanted = captions(n, tokenizer, random.Random(seed))
    return [float((part.argmax(1) == wanted[:, k]).float().mean()) for k, part in enumerate(reader(ids))]


def train(out: Path, steps: int, batch: int = 128, rate: float = 3e-3) -> list[float]:
    """Train and save; the shares understood of captions not seen."""
    torch.manual_seed(0)
    tokenizer, rng = build_tokenizer(), random.Random(0)
    reader = new_reader(tokenizer)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
    began = time.monotonic()
    for step in range(steps):
        ids, wanted = captions(batch, tokenizer, rng)
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        loss = torch.stack([F.cross_entropy(part, wanted[:, k]) for k, part in enumerate(reader(ids))]).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99:
            seconds = round(time.monotonic() - began)
            print(json.dumps({"step": step + 1, "loss": round(loss.item(), 4), "seconds": seconds}), flush=True)
    reader.eval()
    shares = understood(reader, tokenizer, 2000, 1)
    torch.save({"reader": reader.state_dict(), "vocabulary": tokenizer.get_vocab(), "looks": list(LOOKS)}, out / "reader.pt")
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2500)
    args = parser.parse_args()
    torch.set_num_threads(1)
    shares = train(args.out, args.steps)
    for what, share in zip(("look", "thing", "colour", "background"), shares, strict=True):
        print(f"{what} read right in {share:.3f} of captions")


if __name__ == "__main__":
    main()
