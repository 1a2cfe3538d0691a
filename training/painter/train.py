"""Train the painter: python -m training.painter.train --out FOLDER --seconds N [--device cuda] [--batch 64]

On a processor it learns from shards that `training.painter.shards` renders beside it, and picks up new ones as they come; on a
GPU it renders for itself. A checkpoint every two minutes, with a sheet to look at; the same command goes on from there. New
looks are added to a checkpoint by name, and what has grown keeps the weights that still fit.

`--own --looks A,B` tunes what is of these looks alone: all that looks share stays as it is, and so do all other looks.
"""

import argparse
import copy
import json
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.painter.network import QUIET, Fixed, Painter, Told, compose, landscape_share, noise_share
from engines.families.painter.scene import Asked, grid, scene
from engines.families.painter.shapes import CELL
from training.looks import LOOKS
from training.photographs import load as load_photographs

from .easel import Easel, adopt
from .losses import margin, painting_loss
from .shards import KINDS, Shards
from .sheet import draw_sheet
from .studio import Batch, Studio, asked
from .things import load_small

SAVE_EVERY = 120.0
SHEET_EVERY = 600.0
ON_A_SHEET = 12
"""Looks on a sheet; the next one has the next."""
CROP = 64
"""Cells of a crop's side: a quarter of a picture at a time."""
CROPS_EACH = 4
"""Steps that pictures rendered on the device are kept for, each with other crops: they take longer to paint than a step."""
EDGE = 4
"""Cells at a crop's edge that do not count: there the network lacks what lies beyond."""


def crops(n: int, whole: int, rng: random.Random) -> list[tuple[int, int]]:
    """Where n crops lie, in cells: a multiple of 16 of them, so that patterns of 64 pixels stay whole."""
    steps = (whole - CROP) // 16
    return [(16 * rng.randint(0, steps), 16 * rng.randint(0, steps)) for _ in range(n)]


def latents(pixels: Tensor) -> Tensor:
    """uint8 [n, 3, h, w] to [n, 48, h / 4, w / 4]."""
    return F.pixel_unshuffle(pixels.float() / 127.5 - 1, CELL)


def _cut(x: Tensor, origins: list[tuple[int, int]], scale: int) -> Tensor:
    side = CROP * scale
    return torch.stack(
        [x[k, :, scale * a : scale * a + side, scale * b : scale * b + side] for k, (a, b) in enumerate(origins)]
    )


@dataclass
class Lesson:
    """What the network is shown of a batch: crops to be painted as latents [n, 48, 64, 64], what it is told, the whole
    picture's mean, the fixed maps there; and the painting wanted, [n, 3, 256, 256] in [-1, 1], with each pixel's weight."""

    content: Tensor
    t: Tensor
    told: Told
    mean: Tensor
    fixed: Fixed
    wanted: Tensor
    weight: Tensor


def lesson(easel: Easel, batch: Batch, drawings: Tensor, origins: list[tuple[int, int]]) -> Lesson:
    t, n = batch.t, len(batch.t)
    level = noise_share(t)[:, None, None, None]
    x = (1 - level) * latents(_cut(batch.source, origins, CELL))
    x = x + level * torch.randn_like(x)
    wanted = asked(batch, drawings)
    side = batch.target.shape[-1] // 2
    drawn, cover = torch.zeros(n, 3, side, side, device=x.device), torch.zeros(n, 1, side, side, device=x.device)
    late = (t > QUIET).nonzero()[:, 0]
    if len(late):
        some = Asked(wanted.colour[late], wanted.coloured[late], wanted.named[late], wanted.drawings[late])
        drawn[late], cover[late] = scene(batch.choices[late], some, grid(side, x))
        drawn = drawn * 2 - 1
    content = compose(x, t, _cut(drawn, origins, 2), _cut(cover, origins, 2))
    # the whole's mean, of which a crop shows a part
    mean = batch.source[..., ::8, ::8].float().mean((-2, -1)) / 127.5 - 1
    mean = mean * ((1 - level) / (1 - level).clamp(min=0.5))[:, :, 0, 0]
    mean = torch.lerp(mean, drawn.mean((-2, -1)), landscape_share(t)[:, None])
    target = _cut(batch.target, origins, CELL).float() / 127.5 - 1
    weight = margin(n, CROP, origins, batch.target.shape[-1] // CELL, EDGE).to(x.device)
    weight = weight.repeat_interleave(CELL, -1).repeat_interleave(CELL, -2)
    return Lesson(content, t, easel.told(batch.look, wanted), mean, easel.painter.fixed(origins, CROP), target, weight)


def lost(painter: Painter, of: Lesson, texture: float) -> Tensor:
    """How far the painter is from what it should have painted."""
    with torch.autocast(of.content.device.type, torch.bfloat16):
        out = painter.paint(of.content, of.t, of.told, of.mean, of.fixed)
    return painting_loss(F.pixel_shuffle(out.float(), CELL), of.wanted, of.weight, texture)


TABLES = 2.5
"""How much faster what is of one look is learned than what all share: of a batch, few teach it."""
AVERAGED = 0.996


class Trainer:
    """The easel, its average, the optimizer, how far it is, and its checkpoint."""

    def __init__(self, out: Path, rate: float, device: str, texture: float, own: bool = False) -> None:
        """With `own` only what is of one look each is learned, of the looks that are taught."""
        torch.manual_seed(0)
        self.out, self.rate, self.device, self.texture, self.own = out, rate, device, texture, own
        self.easel = Easel().to(device)
        self.step, self.spent = 0, 0.0
        self.learnt: tuple[str, ...] = tuple(LOOKS)
        self.rng = random.Random(time.time_ns())
        self._checkpoint = out / "painter.pt"
        saved: dict[str, Any] = {}
        if self._checkpoint.exists():
            saved = torch.load(self._checkpoint, map_location=device, weights_only=True)
            # what stays is what is exported
            adopt(self.easel, saved["average" if own else "easel"], saved["looks"])
            self.step, self.spent, self.learnt = saved["step"], saved["spent"], tuple(saved["learnt"])
        elif own:
            raise SystemExit(f"nothing to tune in {out}: train all that looks share first, or begin with from_student")
        self.average = copy.deepcopy(self.easel).eval().requires_grad_(False)
        if saved:
            adopt(self.average, saved["average"], saved["looks"])
        tables = self.easel.tables()
        shared = [p for p in self.easel.parameters() if all(p is not table for table in tables)]
        groups: list[dict[str, Any]] = [{"params": tables, "pace": TABLES}]
        if own:
            for p in shared:
                p.requires_grad_(False)
        else:
            groups.insert(0, {"params": shared, "pace": 1.0})
        # decay would take the tables of looks along that are not taught
        decay = 0.0 if own else 1e-3
        self.optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=decay, betas=(0.9, 0.99), fused=True)
        if saved.get("optimizer") and saved["looks"] == list(LOOKS):
            self._resume(saved["optimizer"])
        self.drawings = torch.from_numpy(load_small(out / "things.npz")).to(device)

    def _resume(self, state: dict[str, Any]) -> None:
        """Take up an optimizer where it was left, if what it optimizes has the shapes it had: torch does not ask."""
        groups = self.optimizer.param_groups
        own = [p.shape for group in groups for p in group["params"]]
        same = [len(group["params"]) for group in state["param_groups"]] == [len(group["params"]) for group in groups]
        if same and all(one["exp_avg"].shape == own[k] for k, one in state["state"].items()):
            self.optimizer.load_state_dict(state)
        else:
            print("what is learned has grown or is other than before: its optimizer starts anew", flush=True)

    def save(self) -> None:
        states = {
            "easel": self.easel.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "looks": list(LOOKS),
            "learnt": list(self.learnt),
            "step": self.step,
            "spent": self.spent,
        }
        temporary = self._checkpoint.with_suffix(".tmp")
        torch.save(states, temporary)
        temporary.replace(self._checkpoint)

    def learn(self, batch: Batch, done: float) -> float:
        """One step, `done` of the way through; its loss. Raises FloatingPointError rather than learn from what is no number."""
        rate = self.rate * min(1.0, (self.step + 1) / 100) * (0.03 + 0.97 * (0.5 + 0.5 * math.cos(math.pi * done)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["pace"]
        batch = batch.to(self.device)
        origins = crops(len(batch.t), batch.target.shape[-1] // CELL, self.rng)
        loss = lost(self.easel.painter, lesson(self.easel, batch, self.drawings, origins), self.texture)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {self.step} is {loss.item()}; the last checkpoint is as it was")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.easel.parameters(), 1.0)
        self.optimizer.step()
        decay = min(AVERAGED, 1 - 1 / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.easel.parameters()), 1 - decay)
        self.step += 1
        return loss.item()


def fresh(studio: Studio, n: int, rng: random.Random, looks: Sequence[str] = tuple(LOOKS)) -> Batch:
    """n pictures rendered now, eight of a look at a time."""
    each = min(8, n)
    batches = []
    for _ in range(max(1, n // each)):
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        batches.append(studio.paint(list(LOOKS).index(rng.choice(looks)), kind, each))
    return Batch.join(batches)


def train(
    out: Path,
    seconds: float,
    batch_size: int = 8,
    rate: float = 2e-3,
    device: str = "cpu",
    texture: float = 2.0,
    photographs: Path | None = None,
    looks: Sequence[str] = tuple(LOOKS),
    own: bool = False,
) -> None:
    """Train until it has had `seconds`, over all its sittings; with `own` what is of these looks alone, beside those that were
    learnt before. Raises SystemExit where there is nothing to learn from.
    """
    trainer = Trainer(out, rate, device, texture, own)
    trainer.learnt = tuple(name for name in LOOKS if name in looks or (own and name in trainer.learnt))
    rng = random.Random(time.time_ns())
    shards = Shards(out / "shards", looks)
    live = None
    if device != "cpu":
        pictures = list(load_photographs(held_out=False, folder=photographs).values())
        live = Studio(out / "things.npz", pictures, device, rng.getrandbits(32))
    running, known, sheets = 0.0, 0, 0
    batch: Batch | None = None
    last = saved = drawn = time.monotonic()
    looked = -math.inf
    while trainer.spent < seconds:
        if live is not None:
            if trainer.step % CROPS_EACH == 0 or batch is None:
                with torch.no_grad():
                    batch = fresh(live, batch_size, rng, looks)
        else:
            if last - looked > 30:
                known, looked = shards.refresh(), last
                if not known:
                    raise SystemExit(f"nothing to learn from in {shards.folder}: run training.painter.shards first")
            batch = shards.draw(batch_size, rng)
        loss = trainer.learn(batch, trainer.spent / seconds)
        running = loss if not running else 0.98 * running + 0.02 * loss
        now = time.monotonic()
        trainer.spent, last = trainer.spent + now - last, now
        if trainer.step % 50 == 0:
            done = round(trainer.spent / seconds, 3)
            print(json.dumps({"done": done, "step": trainer.step, "loss": round(running, 4), "pictures": known}), flush=True)
        if now - saved > SAVE_EVERY:
            trainer.save()
            saved = now
        if now - drawn > SHEET_EVERY:
            names = [looks[(sheets * ON_A_SHEET + k) % len(looks)] for k in range(ON_A_SHEET)]
            draw_sheet(trainer.average, trainer.drawings, out / "sheets" / f"{trainer.step:07d}.png", photographs, names)
            sheets, drawn, last = sheets + 1, time.monotonic(), time.monotonic()
    trainer.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3600, help="training time, over all its sittings")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--texture", type=float, default=2.0, help="weight of roughness in the loss")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of the processor; 0 for one a core")
    parser.add_argument("--photographs", type=Path, help="where training.photographs fetched to, if not to its own folder")
    parser.add_argument("--looks", default=",".join(LOOKS), help="the looks to be learnt, with commas between; all without")
    parser.add_argument("--own", action="store_true", help="tune what is of these looks alone; all else stays as it is")
    args = parser.parse_args()
    looks = tuple(name.strip() for name in args.looks.split(","))
    if unknown := set(looks) - set(LOOKS):
        raise SystemExit(f"no look {min(unknown)!r}; there are: {', '.join(LOOKS)}")
    if args.threads:
        torch.set_num_threads(args.threads)
    train(args.out, args.seconds, args.batch, args.rate, args.device, args.texture, args.photographs, looks, args.own)


if __name__ == "__main__":
    main()
