"""Train the codec's refiner: python -m training.train_codec --out FOLDER [--steps N]."""

import argparse
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.embedded.codec import Codec

from .pictures import held_out_photographs, training_photographs
from .sources import pixels_of, random_source, random_styled


def _gradient_loss(a: Tensor, b: Tensor) -> Tensor:
    dx = F.l1_loss(a[..., 1:] - a[..., :-1], b[..., 1:] - b[..., :-1])
    dy = F.l1_loss(a[..., 1:, :] - a[..., :-1, :], b[..., 1:, :] - b[..., :-1, :])
    return dx + dy


def psnr(a: Tensor, b: Tensor) -> float:
    """Decibels, for pictures in [-1, 1]."""
    return float(10 * torch.log10(4.0 / F.mse_loss(a.clamp(-1, 1), b)))


def train(out: Path, steps: int, seconds: float, pool: int, device: str) -> Codec:
    rng = random.Random(1)
    torch.manual_seed(1)
    photographs = training_photographs()
    pictures = [random_source(photographs, rng) if i % 3 == 0 else random_styled(photographs, rng) for i in range(pool)]
    pixels = pixels_of(pictures)
    codec = Codec()
    codec.normalise_on(pixels)
    codec.to(device)
    held_out = pixels_of(list(held_out_photographs().values())).to(device)
    optimizer = torch.optim.AdamW([*codec.coarse.parameters(), *codec.fine.parameters()], lr=2e-3, weight_decay=1e-3)
    began = time.monotonic()
    for step in range(steps):
        done = max(step / steps, (time.monotonic() - began) / seconds)
        if done >= 1:
            break
        optimizer.param_groups[0]["lr"] = 2e-3 * min(1.0, (step + 1) / 50) * (1 - done)
        pick = torch.randint(len(pixels), (12,))
        y, x = (int(v) * 8 for v in torch.randint(17, (2,)))
        batch = pixels[pick, :, y : y + 128, x : x + 128].to(device)
        latents = codec.encode(batch)
        decoded = codec.decode(latents + 0.05 * torch.randn_like(latents))
        loss = F.l1_loss(decoded, batch) + 0.5 * _gradient_loss(decoded, batch) + F.mse_loss(decoded, batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 200 == 0:
            with torch.no_grad():
                z = codec.encode(held_out)
                print(
                    f"step {step} loss {loss.item():.4f} held-out photographs {psnr(codec.decode(z), held_out):.2f} dB"
                    f" (without refiner {psnr(codec.decode_linear(z), held_out):.2f})",
                    flush=True,
                )
    out.mkdir(parents=True, exist_ok=True)
    codec.cpu()
    torch.save(codec.state_dict(), out / "codec.pt")
    return codec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--pool", type=int, default=1500)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    train(args.out, args.steps, args.seconds, args.pool, args.device)


if __name__ == "__main__":
    main()
