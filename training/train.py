"""Train the student: python -m training.train --out FOLDER --stage S [--seconds N] [--device cuda --batch 512].

One network, two stages, by rectified flow on a coupling that is straight from the start (see `coupling`):

  teacher   all noise levels, latent loss: learns the flow, the styles, and what prompts mean.
  student   starts from the teacher's average; mostly the noise levels served, and a loss on decoded pixels, so that
            the one step it will be asked for is sharp (InstaFlow's distillation stage, with rendered pairs).

Checkpoints every two minutes; the same command goes on from the last one. New shards are picked up while it runs.
"""

import argparse
import copy
import json
import math
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines.families.embedded.codec import Codec
from engines.families.embedded.network import Denoiser, TextEncoder, pool_text

from .captions import build_tokenizer
from .comprehension import Readers, random_captions
from .pairs import PairKind, Pairs
from .path import clean, noised, output_scale, target_at
from .shards import load_codec

STAGES = ("teacher", "student")
STILLS = {"teacher": 0.85, "student": 0.7}
"""The share of stills in a batch: of the two tasks they are the harder to begin with."""
SAVE_EVERY = 120.0
LOOK_FOR_SHARDS_EVERY = 60.0
CAPTIONS = 32
"""Captions a step asked about beside the painting (see `comprehension`)."""
COMPREHENSION_WEIGHT = 0.02


class Student(torch.nn.Module):
    """Text encoder and denoiser together: what is trained, averaged and exported."""

    def __init__(self) -> None:
        super().__init__()
        self.text = TextEncoder(build_tokenizer().get_vocab_size())
        self.denoiser = Denoiser()

    def forward(self, x: Tensor, t: Tensor, ids: Tensor) -> Tensor:
        out: Tensor = self.denoiser(x, t, self.text(ids))
        return out


def choose_levels(kind: Tensor, stage: str, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """For each pair its t, whether its source is its own target (plain flow), and whether the source is someone else's."""
    n = len(kind)
    u, v = (torch.from_numpy(rng.random(n).astype(np.float32)) for _ in range(2))
    still = kind == PairKind.STILL
    plain = (u < (0.1 if stage == "teacher" else 0.03)) & (kind != PairKind.FOREIGN)
    other = still & ~plain & (u > 0.85)
    t = torch.where(still, torch.ones(n), 0.9 * v**1.3)
    t = torch.where(kind == PairKind.FOREIGN, 0.7 * v, t)
    t = torch.where(other, 0.8 + 0.2 * v, t)
    return torch.where(plain, v, t).clamp(min=0.02), plain, other


def _among(flags: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(flags[:, None, None, None], yes, no)


def latent_loss(error: Tensor, t: Tensor, scale: Tensor, stage: str) -> Tensor:
    """Pseudo-Huber on latents [n, c, h, w], channels weighted by the square root of what they mean in pixels."""
    weight = scale.sqrt() / scale.sqrt().mean()
    weighted = error * weight[:, None, None]
    # nearly squares for the teacher, which finds colours fast; nearly absolute values for the student, which stay sharp
    knee = 0.5 if stage == "teacher" else 0.1
    return (((weighted**2 + knee**2).sqrt() - knee) / output_scale(t).clamp(min=0.15).sqrt()).mean()


def pixel_loss(error: Tensor, codec: Codec) -> Tensor:
    """L1 on the pixels of a latent error and on their differences; the transform is linear, so the error is enough."""
    pixels = torch.nn.functional.conv_transpose2d(error * codec.scale[:, None, None], codec.synthesis, stride=8)
    dx, dy = pixels[..., 1:] - pixels[..., :-1], pixels[..., 1:, :] - pixels[..., :-1, :]
    return 1.5 * pixels.abs().mean() + 3.0 * (dx.abs().mean() + dy.abs().mean())


def loss_of(student: Student, batch: dict[str, Tensor], codec: Codec, stage: str, rng: np.random.Generator) -> Tensor:
    """The loss of one batch from `Pairs.draw`."""
    t, plain, other = (v.to(batch["source"].device) for v in choose_levels(batch["kind"].cpu(), stage, rng))
    source, target, noise = batch["source"], batch["target"], batch["noise"]
    source = _among(plain, target, _among(other, source.roll(1, 0), source))
    wanted = _among(other, target, target_at(source, target, t))
    x = noised(source, noise, t)
    with torch.autocast(x.device.type, torch.bfloat16):
        out = student(x, t, batch["tokens"].long())
    error = clean(x, out.float(), t) - wanted
    loss = latent_loss(error, t, codec.scale, stage)
    return loss + pixel_loss(error, codec) if stage == "student" else loss


class Trainer:
    """One stage: weights, their average, the optimizer, how far it is, and its checkpoint."""

    def __init__(self, out: Path, stage: str, rate: float, device: str) -> None:
        torch.manual_seed(0)
        self.out, self.stage, self.rate, self.device = out, stage, rate, device
        self.student = Student().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = copy.deepcopy(self.student).eval().requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.student.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.98), fused=True)
        self.readers = Readers().to(device)
        self.readers_optimizer = torch.optim.AdamW(self.readers.parameters(), lr=1e-3)
        self.tokenizer, self.rng, self.understood = build_tokenizer(), random.Random(time.time_ns()), 0.0
        self.step, self.spent = 0, 0.0
        self.codec = load_codec(out).to(device)
        self._checkpoint = out / f"{stage}.pt"
        self._resume()

    def _read(self, path: Path) -> dict[str, dict[str, Tensor]]:
        saved: dict[str, dict[str, Tensor]] = torch.load(path, map_location=self.device, weights_only=True)
        return saved

    def _resume(self) -> None:
        if self._checkpoint.exists():
            saved = self._read(self._checkpoint)
            self.student.load_state_dict(saved["student"])
            self.average.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            if "readers" in saved:
                self.readers.load_state_dict(saved["readers"])
            self.step, self.spent = int(saved["state"]["step"]), float(saved["state"]["spent"])
        elif self.stage == "student":
            teacher = self.out / "teacher.pt"
            if not teacher.exists():
                raise SystemExit(f"no {teacher}: train the teacher first (--stage teacher)")
            self.average.load_state_dict(self._read(teacher)["average"])
            self.student.load_state_dict(self.average.state_dict())

    def save(self) -> None:
        parts = {"student": self.student, "average": self.average, "optimizer": self.optimizer, "readers": self.readers}
        states = {name: part.state_dict() for name, part in parts.items()}
        temporary = self._checkpoint.with_suffix(".tmp")
        torch.save({**states, "state": {"step": self.step, "spent": self.spent}}, temporary)
        temporary.replace(self._checkpoint)

    def learn(self, batch: dict[str, Tensor], done: float, rng: np.random.Generator) -> float:
        """One step, `done` of the way through the stage; its loss."""
        self.optimizer.param_groups[0]["lr"] = (
            self.rate * min(1.0, (self.step + 1) / 200) * (0.5 + 0.5 * math.cos(math.pi * done))
        )
        loss = loss_of(self.student, {key: value.to(self.device) for key, value in batch.items()}, self.codec, self.stage, rng)
        self.optimizer.zero_grad()
        self.readers_optimizer.zero_grad()
        (loss + self._comprehension()).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        self.optimizer.step()
        self.readers_optimizer.step()
        decay = 0.999 if self.stage == "student" else min(0.999, 1 - 1 / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.student.parameters()), 1 - decay)
        self.step += 1
        return loss.item()

    def _comprehension(self) -> Tensor:
        ids, labels = (v.to(self.device) for v in random_captions(CAPTIONS, self.tokenizer, self.rng))
        pooled = pool_text(self.student.text(ids), self.student.denoiser.query)
        loss, right = self.readers.loss(pooled, labels)
        self.understood = 0.98 * self.understood + 0.02 * right
        return COMPREHENSION_WEIGHT * loss


def train(out: Path, stage: str, seconds: float, batch_size: int, rate: float, device: str) -> None:
    """Train a stage until it has had `seconds`, over all its sittings. Raises SystemExit if what it builds on is missing."""
    rng = np.random.default_rng(time.time_ns())
    trainer = Trainer(out, stage, rate, device)
    pairs = Pairs(out / "shards")
    running, known = 0.0, 0
    last = saved = time.monotonic()
    looked = -math.inf
    while trainer.spent < seconds:
        if last - looked > LOOK_FOR_SHARDS_EVERY:
            known, looked = pairs.refresh(), last
            if not known:
                raise SystemExit(f"no shards in {pairs.folder}: run training.shards first")
        done = trainer.spent / seconds
        loss = trainer.learn(pairs.draw(batch_size, rng, STILLS[stage]), done, rng)
        running = loss if not running else 0.99 * running + 0.01 * loss
        now = time.monotonic()
        trainer.spent, last = trainer.spent + now - last, now
        if trainer.step % 100 == 0:
            progress = {"stage": stage, "done": round(done, 3), "step": trainer.step, "loss": round(running, 4)}
            progress |= {"understood": round(trainer.understood, 3), "pairs": known}
            print(json.dumps(progress), flush=True)
        if now - saved > SAVE_EVERY:
            trainer.save()
            saved = now
    trainer.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stage", choices=STAGES, required=True)
    parser.add_argument("--seconds", type=float, default=3600, help="training time of this stage, over all its sittings")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=8e-4)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    train(args.out, args.stage, args.seconds, args.batch, args.rate, args.device)


if __name__ == "__main__":
    main()
