"""Examine the shipped student: python -m training.evaluate --reader FOLDER [--engine openvino|torch] [--json].

Stills: prompts of combinations kept from training, seeds training never drew, one step from pure noise; a reader that
knows only the renderer's pictures says what is seen. Repaints: photographs no training saw, in every style; measured
against the filter that the style was learned from. Everything goes through the engine, as a client's pictures do.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import permutations, product
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engines.engine import Engine, Pixels, Row
from engines.factory import make_engine
from engines.options import OpenVinoOptions
from engines.student.contract import Step
from engines.students import load_student

from .captions import Wish, scene_caption
from .coupling import scene_for
from .pictures import held_out_photographs
from .reader import Reader, Reading
from .scenes import render
from .sources import noise_for, styled
from .words import COLOURS, SHAPES, STYLES

STRENGTHS = (0.35, 0.5, 0.7)
FIRST_SEED = 1 << 32
"""Training draws seeds of 32 bits: from here on all are new."""

NEAR = 0.6
"""A repaint follows a style if its distance to the styled photograph is at most this share of the photograph's own."""

KEPT = 0.8
"""A repaint keeps the composition if its edges agree with the photograph's this much as well as the filter's do."""


@dataclass(frozen=True)
class Task:
    """One picture to ask an engine for; a still if there is no image."""

    prompt: str
    seed: int
    image: Pixels | None = None
    strength: float = 1.0


@contextmanager
def open_engine(kind: str, threads: int = 0, name: str = "embedded", folders: Sequence[Path] = ()) -> Iterator[Engine]:
    """A student's graphs on an engine, in ticks of eight; 0 threads means one per core. Without a name the one that ships."""
    student = load_student(name, folders)
    with TemporaryDirectory() as cache:
        options = OpenVinoOptions(threads=threads) if kind == "openvino" else None
        engine = make_engine(kind, student, (8,), options, cache=Path(cache))
        try:
            yield engine
        finally:
            engine.close()


def paint(engine: Engine, tasks: Sequence[Task]) -> list[Pixels]:
    """Every task's picture, as many to a tick as the engine takes. Raises RuntimeError with a row's error."""
    size = engine.batch_sizes[-1]
    groups = [tasks[i : i + size] for i in range(0, len(tasks), size)]
    return [picture for group in groups for picture in _paint_together(engine, group)]


def _paint_together(engine: Engine, tasks: Sequence[Task]) -> list[Pixels]:
    plans = [_steps(engine, task) for task in tasks]
    said = [engine.condition(task.prompt) for task in tasks]
    pictures: dict[int, Pixels] = {}
    for index in range(max(len(plan) for plan in plans)):
        jobs = [job for job, plan in enumerate(plans) if index < len(plan)]
        rows = [
            Row(
                job,
                index,
                plans[job][index],
                index == len(plans[job]) - 1,
                said[job],
                tasks[job].seed,
                _image(tasks[job], index),
            )
            for job in jobs
        ]
        for job, painted in zip(jobs, engine.tick(rows), strict=True):
            if painted.error is not None:
                raise RuntimeError(f"{tasks[job].prompt!r}: {painted.error}")
            if painted.image is not None:
                pictures[job] = painted.image
    return [pictures[job] for job in range(len(tasks))]


def _steps(engine: Engine, task: Task) -> tuple[Step, ...]:
    contract = engine.student.contract
    return contract.still() if task.image is None else contract.repaint(task.strength)


def _image(task: Task, index: int) -> Pixels | None:
    return task.image if index == 0 else None


def to_tensors(pictures: Sequence[Pixels]) -> Tensor:
    """float [n, 3, h, w] in [0, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255


def to_pixels(picture: Tensor) -> Pixels:
    """uint8 [h, w, 3] of a float [3, h, w] in [0, 1]."""
    pixels: Pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return pixels


def held_out_wishes(count: int, rng: random.Random) -> list[Wish]:
    """Combinations kept from training, spread evenly over the styles."""
    by_style = []
    for style in STYLES:
        wishes = [Wish(style, shape, *colours) for shape, colours in product(SHAPES, permutations(COLOURS, 2))]
        wishes = [wish for wish in wishes if wish.held_out]
        rng.shuffle(wishes)
        by_style.append(wishes)
    turns = [wishes[i] for i in range(max(map(len, by_style))) for wishes in by_style if i < len(wishes)]
    return [turns[i % len(turns)] for i in range(count)]


def canonical(wish: Wish) -> str:
    return f"a {wish.colour} {wish.shape} on a {wish.background} background, {wish.style}"


@dataclass(frozen=True)
class Share:
    """Of `asked` pictures the share read right: of the student's, and of the renderer's own of the same scenes."""

    asked: int
    student: float
    renderer: float

    @property
    def ratio(self) -> float:
        return self.student / self.renderer if self.renderer else 0.0


Judge = Callable[[Wish, Reading], bool]


def examine_stills(engine: Engine, reader: Reader, count: int) -> dict[str, Any]:
    """What the reader sees in stills from held-out prompts and new seeds."""
    rng = random.Random(11)
    wishes = held_out_wishes(count, rng)
    prompts = [canonical(w) if i % 2 == 0 else scene_caption(w, rng) for i, w in enumerate(wishes)]
    seeds = [FIRST_SEED + i for i in range(count)]
    pictures = to_tensors(paint(engine, [Task(p, s) for p, s in zip(prompts, seeds, strict=True)]))
    own = torch.stack([styled(render(scene_for(w, noise_for(s))), w.style) for w, s in zip(wishes, seeds, strict=True)])
    seen, meant = reader.read(pictures), reader.read(own)

    def share(right: Judge, counts: Callable[[int], bool] = lambda _: True) -> Share:
        rows = [i for i in range(count) if counts(i)]
        a, b = (fmean(right(wishes[i], r[i]) for i in rows) if rows else 0.0 for r in (seen, meant))
        return Share(len(rows), a, b)

    def has_object(i: int) -> bool:
        return wishes[i].style in reader.object_styles

    def has_background(i: int) -> bool:
        return wishes[i].style in reader.background_styles

    error = (pictures - own).abs().mean((1, 2, 3))
    return {
        "shape": _shown(share(_shape_right)),
        "shape, canonical wording": _shown(share(_shape_right, lambda i: i % 2 == 0)),
        "shape, other wordings": _shown(share(_shape_right, lambda i: i % 2 == 1)),
        "colour": _shown(share(_colour_right, has_object)),
        "background": _shown(share(_background_right, has_background)),
        "style": _shown(share(_style_right)),
        "error by style": {
            s: round(float(error[[w.style == s for w in wishes]].mean()), 3) for s in {w.style: 0 for w in wishes}
        },
        "shape by style": {s: _shown(share(_shape_right, lambda i, s=s: wishes[i].style == s)) for s in STYLES},  # type: ignore[misc]
        "shape by shape": {s: _shown(share(_shape_right, lambda i, s=s: wishes[i].shape == s)) for s in SHAPES},  # type: ignore[misc]
    }


def _shape_right(wish: Wish, reading: Reading) -> bool:
    return reading.shape == wish.shape


def _colour_right(wish: Wish, reading: Reading) -> bool:
    return reading.colour == wish.colour


def _background_right(wish: Wish, reading: Reading) -> bool:
    return reading.background == wish.background


def _style_right(wish: Wish, reading: Reading) -> bool:
    return reading.style == wish.style


def _shown(share: Share) -> dict[str, float]:
    return {**{k: round(v, 3) for k, v in asdict(share).items()}, "ratio": round(share.ratio, 3)}


def structure(pictures: Tensor) -> Tensor:
    """Blurred edge maps [n, 64 * 64] with mean 0 and length 1: where a picture has its contours, whatever their colour."""
    grey = pictures.mean(1, keepdim=True)
    dx = F.pad(grey[..., 1:] - grey[..., :-1], (0, 1))
    dy = F.pad(grey[..., 1:, :] - grey[..., :-1, :], (0, 0, 0, 1))
    edges = (dx * dx + dy * dy).sqrt()
    for _ in range(2):
        edges = F.avg_pool2d(edges, 9, stride=1, padding=4, count_include_pad=False)
    flat = F.adaptive_avg_pool2d(edges, 64).flatten(1)
    return F.normalize(flat - flat.mean(1, keepdim=True), dim=1)


def examine_repaints(engine: Engine, reader: Reader) -> dict[str, Any]:
    """Held-out photographs in every style at every strength: the composition kept, the style followed."""
    photographs = torch.stack(list(held_out_photographs(engine.student.width).values()))
    wanted = {style: torch.stack([styled(photograph, style) for photograph in photographs]) for style in STYLES}
    by_strength = {str(s): _repaints_at(s, engine, reader, photographs, wanted) for s in STRENGTHS}
    return {
        "filters' own styles read right": round(fmean(_read_right(reader, wanted[style], style) for style in wanted), 3),
        "styles": len(wanted),
        **{strength: _summary(rows) for strength, rows in by_strength.items()},
        "by style at 0.5": by_strength["0.5"],
    }


def _read_right(reader: Reader, pictures: Tensor, style: str) -> float:
    return fmean(reading.style == style for reading in reader.read(pictures))


def _repaints_at(
    strength: float, engine: Engine, reader: Reader, photographs: Tensor, wanted: dict[str, Tensor]
) -> dict[str, dict[str, float | bool]]:
    images = [to_pixels(p) for p in photographs]
    rows: dict[str, dict[str, float | bool]] = {}
    for k, style in enumerate(wanted):
        tasks = [Task(style, FIRST_SEED + 100 * k + i, image, strength) for i, image in enumerate(images)]
        painted = to_tensors(paint(engine, tasks))
        row = _compared(painted, wanted[style], photographs)
        row |= {"read": _read_right(reader, painted, style), "read of filter": _read_right(reader, wanted[style], style)}
        rows[style] = row | {"followed": _followed(style, row)}
    return rows


def _followed(style: str, row: dict[str, float | bool]) -> bool:
    """Near to the styled photographs, and read as that style; where the reader fails on the filter itself, near alone."""
    # the plain photograph is its own target in this style: there is no distance to measure by
    near = style == "photo" or float(row["distance"]) <= NEAR
    return near and (float(row["read"]) >= 0.5 or (float(row["read of filter"]) < 0.5 and style != "photo"))


def _compared(painted: Tensor, wanted: Tensor, photographs: Tensor) -> dict[str, float | bool]:
    """`distance`: to the styled photographs, as a share of the plain ones'; `kept`: agreement of edges with the plain ones,
    and `kept by filter` that of the styled ones."""
    plain = (photographs - wanted).abs().mean()
    error = (painted - wanted).abs().mean()
    edges = structure(photographs)
    return {
        "error": round(float(error), 3),
        "distance": round(float(error / plain), 3) if plain else 0.0,
        "kept": round(float((structure(painted) * edges).sum(1).mean()), 3),
        "kept by filter": round(float((structure(wanted) * edges).sum(1).mean()), 3),
    }


def _summary(rows: dict[str, dict[str, float | bool]]) -> dict[str, float]:
    own, filters = ([float(row[key]) for row in rows.values()] for key in ("kept", "kept by filter"))
    return {
        "styles followed": sum(bool(row["followed"]) for row in rows.values()),
        "style read right": round(fmean(float(row["read"]) for row in rows.values()), 3),
        "distance": round(fmean(float(row["distance"]) for row in rows.values()), 3),
        "composition": round(fmean(own), 3),
        "composition of filters": round(fmean(filters), 3),
        "compositions kept": sum(a >= KEPT * b for a, b in zip(own, filters, strict=True)),
    }


def same_seed_same_picture(engine: Engine) -> bool:
    """The same task twice is the same pixels, and another seed's are others."""
    tasks = [Task("a red heart on a cyan background, comic", FIRST_SEED + i) for i in (0, 1, 0)]
    first, other, again = (paint(engine, [task])[0] for task in tasks)
    return bool(np.array_equal(first, again)) and not np.array_equal(first, other)


def evaluate(engine: Engine, reader: Reader, count: int) -> dict[str, Any]:
    return {
        "engine": f"{engine.backend} on {engine.device} in {engine.precision}",
        "same seed, same picture": same_seed_same_picture(engine),
        "stills": examine_stills(engine, reader, count),
        "repaints": examine_repaints(engine, reader),
    }


def _lines(report: dict[str, Any], indent: int = 0) -> list[str]:
    """The report as text: one line for each entry whose values are plain, indented under its group."""
    lines = []
    for key, value in report.items():
        if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
            lines += [" " * indent + key, *_lines(value, indent + 2)]
        elif isinstance(value, dict):
            lines.append(f"{' ' * indent}{key:28s} " + "  ".join(f"{k} {v}" for k, v in value.items()))
        else:
            lines.append(f"{' ' * indent}{key:28s} {value}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", type=Path, required=True, help="folder with reader.pt")
    parser.add_argument("--count", type=int, default=320, help="stills to examine")
    parser.add_argument("--engine", choices=("openvino", "torch"), default="openvino")
    parser.add_argument("--threads", type=int, default=0, help="0: one per core")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads or torch.get_num_threads())
    with open_engine(args.engine, args.threads) as engine:
        report = evaluate(engine, Reader.load(args.reader / "reader.pt"), args.count)
    print(json.dumps(report, indent=1) if args.json else "\n".join(_lines(report)))


if __name__ == "__main__":
    main()
