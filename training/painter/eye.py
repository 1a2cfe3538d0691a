"""Train the painter's eye: python -m training.painter.eye --out FOLDER --seconds N [--device cuda]

What is trained is the network of its control that guesses light and shade of lines (`engines.families.painter.control`). It
needs no looks and no scenes: photographs and dead leaves, and their lines as the server's eye sees them, made on the fly.
OUT gets `eye.pt`, every two minutes; the same command goes on from there. `training.painter.export` puts it into the graphs,
and `training.painter.add_eye` into those that there are.
"""

import argparse
import copy
import json
import math
import random
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.painter.control import Control
from engines.families.painter.shapes import CELL, PIXELS
from training.photographs import load as load_photographs

from .drawing import GAIN, WIDTH, lines, tones
from .losses import drawing_loss, margin
from .studio import Plain
from .train import CROP, EDGE, crops

FILE = "eye.pt"
SAVE_EVERY = 120.0
POOL = 256
"""Pictures that are kept to be drawn from, with other crops each time: they take as long as a step."""
AVERAGED = 0.998
LEAST = 0.2
"""How much a place counts where nothing is drawn, and its tone will not be seen."""


class Sketch(NamedTuple):
    """Lines and the light and shade of what they were seen of, uint8 [n, 1, 512, 512] each."""

    seen: Tensor
    tones: Tensor

    @staticmethod
    def join(sketches: "list[Sketch]") -> "Sketch":
        return Sketch(*(torch.cat(one) for one in zip(*sketches, strict=True)))


def sketch(plain: Plain) -> Sketch:
    """One picture, seen with knobs as they mostly are, or as somebody may set them."""
    rng = plain.rng
    source = plain.plain()[None]
    pixels = (source[0] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    knobs = (WIDTH, GAIN)
    if rng.random() < 0.3:
        knobs = (math.exp(rng.uniform(math.log(0.7), math.log(2.5))), rng.uniform(6, 24))
    return Sketch(torch.from_numpy(lines(pixels, *knobs))[None, None], (tones(source) * 255).round().to(torch.uint8))


def lost(control: Control, of: Sketch, origins: list[tuple[int, int]]) -> Tensor:
    """How far the tones of squares are from what they should be, most of all where something is drawn."""
    side = CROP * CELL
    seen, wanted = (
        torch.stack([x[k, :, CELL * a : CELL * a + side, CELL * b : CELL * b + side] for k, (a, b) in enumerate(origins)])
        for x in of
    )
    cells = F.pixel_unshuffle(seen.float() / 255, CELL).contiguous(memory_format=torch.channels_last)
    with torch.autocast(cells.device.type, torch.bfloat16):
        made = control.tones(cells)
    weight = margin(len(origins), CROP, origins, PIXELS // CELL, EDGE).to(cells.device)
    weight = weight.repeat_interleave(CELL, -1).repeat_interleave(CELL, -2)
    weight = weight * F.pixel_shuffle(LEAST + (1 - LEAST) * control.cover(cells), CELL)
    return drawing_loss(F.pixel_shuffle(made.float(), CELL), wanted.float() / 255, weight)


class Trainer:
    """The network, its average, its optimizer, how far it is, and its checkpoint."""

    def __init__(self, out: Path, rate: float, device: str = "cpu") -> None:
        torch.manual_seed(0)
        self.rate, self.device, self._checkpoint = rate, device, out / FILE
        self.control = Control().to(device)
        self.control.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = torch.optim.AdamW(
            self.control.parameters(), lr=rate, weight_decay=1e-3, betas=(0.9, 0.99), fused=True
        )  # fmt: skip
        self.step, self.spent, self.rng = 0, 0.0, random.Random()
        self.average = copy.deepcopy(self.control).eval().requires_grad_(False)
        if self._checkpoint.exists():
            saved: dict[str, Any] = torch.load(self._checkpoint, map_location=device, weights_only=True)
            self.control.load_state_dict(saved["control"])
            self.average.load_state_dict(saved["average"])
            if "optimizer" in saved:
                self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.spent = saved["step"], saved["spent"]

    def save(self) -> None:
        states = {
            "control": self.control.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "spent": self.spent,
        }
        temporary = self._checkpoint.with_suffix(".tmp")
        torch.save(states, temporary)
        temporary.replace(self._checkpoint)

    def learn(self, of: Sketch, done: float) -> float:
        """One step, `done` of the way through; its loss. Raises FloatingPointError rather than learn from what is no number."""
        rate = self.rate * min(1.0, (self.step + 1) / 100) * (0.03 + 0.97 * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done))))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        of = Sketch(*(x.to(self.device) for x in of))
        loss = lost(self.control, of, crops(len(of.seen), PIXELS // CELL, self.rng))
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {self.step} is {loss.item()}; the last checkpoint is as it was")
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.control.parameters(), 1.0)
        self.optimizer.step()
        decay = min(AVERAGED, 1 - 1 / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.control.parameters()), 1 - decay)
        self.step += 1
        return loss.item()


def first_state(control: Control) -> dict[str, Any]:
    """What a training begins with that goes on from a control without the state of its optimizer."""
    return {"control": control.state_dict(), "average": control.state_dict(), "step": 0, "spent": 0.0}


def read_control(folder: Path) -> Control:
    """The averaged network of a training folder. Raises FileNotFoundError."""
    control = Control()
    control.load_state_dict(torch.load(folder / FILE, map_location="cpu", weights_only=True)["average"])
    return control


def train(
    out: Path,
    seconds: float,
    batch_size: int = 4,
    rate: float = 2e-3,
    device: str = "cpu",
    photographs: Path | None = None,
    pool: int = POOL,
) -> None:
    """Train until it has had `seconds`, over all its sittings."""
    trainer = Trainer(out, rate, device)
    rng = random.Random()
    plain = Plain(list(load_photographs(held_out=False, folder=photographs).values()), "cpu", rng.getrandbits(32))
    known: list[Sketch] = []
    running = 0.0
    last = saved = time.monotonic()
    while trainer.spent < seconds:
        # several pictures at first, and then a new one for every third step
        for _ in range(8 if len(known) < pool // 8 else trainer.step % 3 == 0):
            fresh = sketch(plain)
            if len(known) < pool:
                known.append(fresh)
            else:
                known[rng.randrange(pool)] = fresh
        loss = trainer.learn(Sketch.join(rng.choices(known, k=batch_size)), trainer.spent / seconds)
        running = loss if not running else 0.98 * running + 0.02 * loss
        now = time.monotonic()
        trainer.spent, last = trainer.spent + now - last, now
        if trainer.step % 50 == 0:
            said = {"done": round(trainer.spent / seconds, 3), "step": trainer.step, "loss": round(running, 4)}
            print(json.dumps(said), flush=True)
        if now - saved > SAVE_EVERY:
            trainer.save()
            saved = now
    trainer.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=3600, help="training time, over all its sittings")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=0, help="of the processor; 0 for one a core")
    parser.add_argument("--photographs", type=Path, help="where training.photographs fetched to, if not to its own folder")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    train(args.out, args.seconds, args.batch, args.rate, args.device, args.photographs)


if __name__ == "__main__":
    main()
