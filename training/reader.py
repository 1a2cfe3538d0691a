"""A judge of pictures: python -m training.reader --out FOLDER [--seconds N].

A small convolutional network that reads from a picture which shape it shows, in which colours, and in which style. It
learns from the renderer's own styled pictures, roughened by the codec and a little noise so that it judges the drawing
and not the grain. Some styles have no colour to read: `reads_colour` says which do, measured on pictures it never saw.
"""

import argparse
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.families.embedded.codec import Codec
from engines.families.embedded.modules import read_modules
from engines.students import STUDENTS

from .captions import Wish
from .convolutions import halving, mean_and_most
from .coupling import scene_for
from .pictures import training_photographs
from .scenes import render
from .sources import noise_for, random_source, styled
from .words import COLOURS, SHAPES, STYLES

SIDE = 96
READABLE = 0.8
"""A style's colours count as readable from this accuracy on."""

_HEADS = {"shape": list(SHAPES), "colour": list(COLOURS), "background": list(COLOURS), "style": list(STYLES)}
_UNKNOWN = -100
"""The label of what a picture does not show: cross entropy ignores it."""

_POOL = 12000


class ReaderNet(nn.Module):
    """Pictures float [n, 3, 96, 96] in [0, 1] to the logits of each head: shape, colour, background, style."""

    def __init__(self) -> None:
        super().__init__()
        widths = (32, 64, 96, 160)
        self.trunk = halving(widths, again=True)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * widths[-1], len(words)) for name, words in _HEADS.items()})

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        features = mean_and_most(self.trunk(pictures * 2 - 1))
        return {name: head(features) for name, head in self.heads.items()}


@dataclass(frozen=True)
class Reading:
    """What the reader takes a picture to show."""

    shape: str
    colour: str
    background: str
    style: str


class Reader:
    """Reads pictures. `object_styles` and `background_styles` are those whose colours can be read at all."""

    def __init__(self, net: ReaderNet, object_styles: Sequence[str], background_styles: Sequence[str]) -> None:
        self.net = net.eval()
        self.object_styles, self.background_styles = tuple(object_styles), tuple(background_styles)

    def read(self, pictures: Tensor) -> list[Reading]:
        """Pictures float [n, 3, h, w] in [0, 1], of any size."""
        with torch.inference_mode():
            logits = self.net(shrunk(pictures))
        words = {name: [_HEADS[name][int(i)] for i in value.argmax(1)] for name, value in logits.items()}
        return [Reading(*row) for row in zip(*(words[name] for name in _HEADS), strict=True)]

    def save(self, path: Path) -> None:
        torch.save({"net": self.net.state_dict(), "object": self.object_styles, "background": self.background_styles}, path)

    @staticmethod
    def load(path: Path) -> "Reader":
        saved = torch.load(path, map_location="cpu", weights_only=True)
        net = ReaderNet()
        net.load_state_dict(saved["net"])
        return Reader(net, saved["object"], saved["background"])


def shrunk(pictures: Tensor) -> Tensor:
    return F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)


def any_wish(rng: random.Random) -> Wish:
    """A wish that leaves nothing open. Held-out ones too: a judge must know what the student may not have seen."""
    colour, background = rng.sample(COLOURS, 2)
    return Wish(rng.choice(STYLES), rng.choice(SHAPES), colour, background)


def labels_of(wish: Wish) -> list[int]:
    """Indices under each head; a wish's silence is ignored."""
    said = {"shape": wish.shape, "colour": wish.colour, "background": wish.background, "style": wish.style}
    return [_UNKNOWN if (word := said[name]) is None else words.index(word) for name, words in _HEADS.items()]


class Pictures:
    """A growing pool of pictures and labels, the oldest replaced once it is full."""

    def __init__(self, codec: Codec, seed: int, capacity: int = _POOL) -> None:
        self._codec, self._rng = codec, random.Random(seed)
        self._photographs = training_photographs()
        self._pictures = torch.empty((capacity, 3, SIDE, SIDE), dtype=torch.uint8)
        self._labels = torch.empty((capacity, len(_HEADS)), dtype=torch.long)
        self._drawn = 0

    def __len__(self) -> int:
        return min(self._drawn, len(self._pictures))

    def add(self, count: int) -> None:
        pictures, labels = self.fresh(count)
        places = (torch.arange(count) + self._drawn) % len(self._pictures)
        self._pictures[places] = (pictures * 255).round().to(torch.uint8)
        self._labels[places] = labels
        self._drawn += count

    def fresh(self, count: int, scenes: float = 0.6) -> tuple[Tensor, Tensor]:
        """New pictures float [count, 3, 96, 96] and their labels; `scenes` is the share that shows one."""
        pictures, labels = [], []
        for _ in range(count):
            wish, source = self._draw(scenes)
            pictures.append(styled(source, wish.style))
            labels.append(labels_of(wish))
        return shrunk(self._roughened(torch.stack(pictures))), torch.tensor(labels)

    def batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Pictures of the pool, some mirrored, a little lighter or darker, with a little grain."""
        pick = torch.randint(len(self), (count,))
        x = self._pictures[pick].float() / 255
        x = torch.where(torch.rand(count, 1, 1, 1) < 0.5, x, x.flip(-1))
        x = x * (0.95 + 0.1 * torch.rand(count, 1, 1, 1)) + 0.04 * torch.rand(count, 1, 1, 1) * torch.randn_like(x)
        return x.clamp(0, 1), self._labels[pick]

    def _draw(self, scenes: float) -> tuple[Wish, Tensor]:
        wish = any_wish(self._rng)
        if self._rng.random() < scenes:
            return wish, render(scene_for(wish, noise_for(self._rng.getrandbits(32))))
        return Wish(wish.style), random_source(self._photographs, self._rng)

    def _roughened(self, pictures: Tensor) -> Tensor:
        """A quarter of the pictures through the codec, with some noise on their latents; the codec is what takes long."""
        rough = pictures[::4]
        with torch.inference_mode():
            latents = self._codec.encode(rough * 2 - 1)
            decoded = self._codec.decode(latents + 0.15 * torch.rand(len(rough), 1, 1, 1) * torch.randn_like(latents))
        mixed = pictures.clone()
        mixed[::4] = decoded.clamp(-1, 1) / 2 + 0.5
        return mixed


def loss_of(net: ReaderNet, pictures: Tensor, labels: Tensor) -> Tensor:
    with torch.autocast(pictures.device.type, torch.bfloat16):
        logits = {name: value.float() for name, value in net(pictures).items()}
    # a batch without a single scene would average over nothing
    losses = [
        F.cross_entropy(logits[name], labels[:, i], ignore_index=_UNKNOWN)
        for i, name in enumerate(_HEADS)
        if bool((labels[:, i] != _UNKNOWN).any())
    ]
    return torch.stack(losses).sum()


def train(codec: Codec, seconds: float, first: int = 512, batch: int = 32) -> ReaderNet:
    """Train for about `seconds` of processor time, half of them spent on rendering; `first` pictures precede any step."""
    torch.manual_seed(0)
    pool, net = Pictures(codec, seed=1), ReaderNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.02)
    began, step = time.process_time(), 0
    pool.add(first)
    rendering = training = 0.0
    while (done := (time.process_time() - began) / seconds) < 1:
        started = time.process_time()
        if rendering < training and done < 0.85:
            pool.add(16)
            rendering += time.process_time() - started
            continue
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * (1 - done)
        loss = loss_of(net, *pool.batch(batch))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        step += 1
        training += time.process_time() - started
        if step % 200 == 0:
            progress = {"step": step, "pictures": len(pool), "loss": round(loss.item(), 3), "done": round(done, 3)}
            print(json.dumps(progress), flush=True)
    return net.eval()


def examine(net: ReaderNet, codec: Codec, count: int) -> dict[str, dict[str, float]]:
    """Accuracy by style and head on `count` new scenes."""
    pictures, labels = Pictures(codec, seed=2, capacity=1).fresh(count, scenes=1.0)
    with torch.inference_mode():
        right = torch.stack([net(pictures)[name].argmax(1) == labels[:, i] for i, name in enumerate(_HEADS)], 1)
    result = {}
    for i, style in enumerate(STYLES):
        rows = right[labels[:, -1] == i].float()
        if len(rows):
            result[style] = dict(zip(_HEADS, (round(float(v), 3) for v in rows.mean(0)), strict=True))
    return result


def make_reader(codec: Codec, seconds: float, first: int = 512, exam: int = 640) -> tuple[Reader, dict[str, Any]]:
    """A reader, and how well it reads the renderer's own pictures."""
    net = train(codec, seconds, first)
    marks = examine(net, codec, exam)
    readable = {head: [s for s, m in marks.items() if m[head] >= READABLE] for head in ("colour", "background")}
    return Reader(net, readable["colour"], readable["background"]), {"accuracy": marks, "readable": readable}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300, help="processor time")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    reader, report = make_reader(read_modules(STUDENTS / "embedded").decode.codec, args.seconds)
    reader.save(args.out / "reader.pt")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
