"""A reader of looks: a small network that says in which look a picture is painted: python -m training.measures.reader --out
FOLDER.

It learns from the true looks alone, on photographs for training, each picture roughened a little (blur, grain, other breadth),
so that it judges the look and not the grain.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.convolutions import halving, mean_and_most
from training.looks import LOOKS
from training.looks.filters import blur
from training.measures.sources import crops, held_out

CROP = 128
"""What the network sees at once, in pixels of the painting: a look is told by its texture as much as by its shapes."""


class ReaderNet(nn.Module):
    """Pictures float [n, 3, 128, 128] in [0, 1] to logits [n, looks]."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        widths = (24, 48, 72, 96, 128)
        self.trunk = halving(widths)
        self.head = nn.Linear(2 * widths[-1], looks)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.head(mean_and_most(self.trunk(pictures * 2 - 1)))
        return logits


class StyleReader:
    """Says of pictures [n, 3, h, w], at least 128 pixels each way, in which look each is painted."""

    def __init__(self, net: ReaderNet, names: Sequence[str]) -> None:
        self.net, self.names = net.eval(), tuple(names)

    def logits(self, pictures: Tensor) -> Tensor:
        """[n, looks]: the mean over nine places of each picture."""
        h, w = pictures.shape[-2:]
        tops, lefts = ((0, (size - CROP) // 2, size - CROP) for size in (h, w))
        with torch.inference_mode():
            return torch.stack(
                [self.net(pictures[..., t : t + CROP, left : left + CROP]) for t in tops for left in lefts]
            ).mean(0)

    def read(self, pictures: Tensor) -> list[str]:
        return [self.names[int(i)] for i in self.logits(pictures).argmax(1)]

    def save(self, path: Path) -> None:
        torch.save({"net": self.net.state_dict(), "names": self.names}, path)

    @staticmethod
    def load(path: Path) -> "StyleReader":
        saved = torch.load(path, map_location="cpu", weights_only=True)
        net = ReaderNet(len(saved["names"]))
        net.load_state_dict(saved["net"])
        return StyleReader(net, saved["names"])


@dataclass
class Pool:
    """Painted crops uint8 [n, 3, 128, 128] and the numbers of their looks."""

    pictures: Tensor
    labels: Tensor

    def batch(self, count: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
        """Some of them on the pool's device, a few softened, mirrored where mirroring keeps the look, with a little grain."""
        pick = torch.randint(len(self.pictures), (count,), generator=draw)
        x = self.pictures[pick].float() / 255
        if float(torch.rand((), generator=draw)) < 0.3:
            x = blur(x, 0.4 + 0.5 * float(torch.rand((), generator=draw)))
        x = x * (0.94 + 0.12 * torch.rand((count, 1, 1, 1), generator=draw).to(x.device))
        x = x + 0.03 * torch.rand((count, 1, 1, 1), generator=draw).to(x.device) * torch.randn_like(x)
        return x.clamp(0, 1), self.labels[pick]


def paint_pool(names: Sequence[str], pictures: int, seed: int, device: torch.device, batch: int = 8) -> Pool:
    """Every look on `pictures` crops of the training photographs, four places kept of each."""
    draw = torch.Generator().manual_seed(seed)
    painted, labels = [], []
    for start in range(0, pictures, batch):
        sources = crops(min(batch, pictures - start), 256, seed * 1000 + start).to(device)
        for number, name in enumerate(names):
            breadth = 0.85 + 0.45 * float(torch.rand((), generator=draw))
            out = (LOOKS[name].paint(sources, breadth) * 255).round().to(torch.uint8)
            for _ in range(4):
                top, left = (int(i) for i in torch.randint(256 - CROP + 1, (2,), generator=draw))
                painted.append(out[..., top : top + CROP, left : left + CROP].clone())
                labels.append(torch.full((len(out),), number, device=device))
    return Pool(torch.cat(painted), torch.cat(labels))


def train(names: Sequence[str], pictures: int, steps: int, device: torch.device, batch: int = 16) -> StyleReader:
    """A reader trained for so many steps on looks painted on so many pictures."""
    torch.manual_seed(0)
    pool = paint_pool(names, pictures, 1, device)
    net = ReaderNet(len(names)).to(device).train()
    draw = torch.Generator().manual_seed(2)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    began = time.monotonic()
    for step in range(steps):
        x, labels = pool.batch(batch, draw)
        loss = F.cross_entropy(net(x), labels, label_smoothing=0.05)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            told = {"step": step + 1, "loss": round(loss.item(), 3), "seconds": round(time.monotonic() - began)}
            print(json.dumps(told), flush=True)
    return StyleReader(net.cpu(), names)


def examine(reader: StyleReader, pictures: Tensor) -> dict[str, float]:
    """By look, how often the reader reads the true one on `pictures` [n, 3, h, w] that it never saw."""
    marks = {}
    for name in reader.names:
        read = reader.read(LOOKS[name].paint(pictures))
        marks[name] = sum(told == name for told in read) / len(read)
    return marks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=80, help="crops of photographs that every look is painted on")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--looks", default=",".join(LOOKS), help="the looks to tell apart, with commas between; all without")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    looks = tuple(name.strip() for name in args.looks.split(","))
    args.out.mkdir(parents=True, exist_ok=True)
    reader = train(looks, args.pictures, args.steps, torch.device(args.device))
    reader.save(args.out / "looks.pt")
    marks = examine(reader, torch.stack(list(held_out(512).values())))
    print(json.dumps({"mean": sum(marks.values()) / len(marks), "looks": marks}, indent=1))


if __name__ == "__main__":
    main()
