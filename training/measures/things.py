"""Are the things there that prompts name, and the colours? python -m training.measures.things [--students FOLDER]

Stills by the student, and the true looks on the same scenes: what the noise of a seed chooses is known. What stands where the
thing is to be is held against every drawing of every thing, and read as the one that is most like it; so is the background's
colour, in looks that keep colours. What counts is how often the student's pictures are read right, over how often the true are.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.families.painter.modules import read_modules
from engines.families.painter.scene import MAP, Asked, choices, frame, grid, scene
from engines.families.painter.text import unpacked
from engines.noise import noise
from engines.student import Student
from training.evaluate import FIRST_SEED, Task, open_engine, paint, to_tensors
from training.looks import LOOKS
from training.painter.studio import COLOURS, breadth_at
from training.painter.things import VARIANTS, things

KEEP_COLOURS = (
    "photo",
    "watercolor",
    "van gogh",
    "oil painting",
    "comic",
    "anime",
    "pixel art",
    "cross stitch",
    "bricks",
    "knit",
)


@dataclass(frozen=True)
class Wish:
    """One still: a thing's number, a background's, a look, a seed."""

    thing: int
    behind: int
    look: str
    seed: int

    @property
    def prompt(self) -> str:
        return f"a {things()[self.thing].name} on a {list(COLOURS)[self.behind]} background, {self.look}"


def wishes(looks: Sequence[str], count: int) -> list[Wish]:
    rng = random.Random(7)
    return [
        Wish(rng.randrange(len(things())), rng.randrange(len(COLOURS)), looks[i % len(looks)], FIRST_SEED + 500 + i)
        for i in range(count)
    ]


@dataclass(frozen=True)
class Scene:
    """What a wish means: its true picture [1, 3, side, side] in [0, 1] in its look, the choices [1, 12] of its noise, and where
    nothing stands before the background [1, 1, side, side]."""

    picture: Tensor
    choices: Tensor
    free: Tensor


def meant(wish: Wish, student: Student, drawings: Tensor) -> Scene:
    """`drawings` float [things, variants, 4, 64, 64] in [0, 1]."""
    u = choices(torch.from_numpy(noise(wish.seed, 0, student.latent_shape))[None], torch.ones(1))
    one = torch.ones(1)
    asked = Asked(torch.tensor([list(COLOURS.values())[wish.behind]]), one, one, drawings[wish.thing][None])
    plain, cover = scene(u, asked, grid(student.width, u))
    return Scene(LOOKS[wish.look].paint(plain.clamp(0, 1), breadth_at(1.0)), u, (cover < 0.02).float())


def upright(picture: Tensor, u: Tensor) -> Tensor:
    """The part [1, 3, 64, 64] of a picture where the thing is, in the thing's own frame."""
    middle_x, middle_y, size, turn, side = frame(u)
    axis = (torch.arange(MAP) + 0.5) / MAP * 2 - 1
    a, b = axis[None, :] * side[:, None], axis[:, None]
    x = middle_x + size * (turn.cos() * a - turn.sin() * b)
    y = middle_y + size * (turn.sin() * a + turn.cos() * b)
    at = torch.stack([x, y], -1)[None] * 2 - 1
    return F.grid_sample(picture, at, mode="bilinear", padding_mode="border", align_corners=False)


def _form(pictures: Tensor) -> tuple[Tensor, Tensor]:
    """Of pictures [n, 3, 64, 64] their light and their outlines as unit vectors [n, 4096]."""
    light = F.avg_pool2d(0.299 * pictures[:, :1] + 0.587 * pictures[:, 1:2] + 0.114 * pictures[:, 2:], 5, 1, 2)
    dx, dy = F.pad(light, (0, 1))[..., 1:] - light, F.pad(light, (0, 0, 0, 1))[..., 1:, :] - light
    edges = F.avg_pool2d((dx * dx + dy * dy).sqrt()[..., 1:-1, 1:-1], 3, 1, 1)
    light, edges = (F.normalize(x.flatten(1) - x.flatten(1).mean(1, keepdim=True)) for x in (light, edges))
    return light, edges


class ThingReader:
    """Says which thing a picture shows, by the drawing that is most like it, whatever its colours and light."""

    def __init__(self, drawings: Tensor) -> None:
        every = drawings.flatten(0, 1)
        self._light, self._edges = _form(every[:, :3] + 0.5 * (1 - every[:, 3:]))
        self._variants = drawings.shape[1]

    def read(self, picture: Tensor, u: Tensor) -> int:
        """The number of the thing, of a picture [1, 3, h, w] in [0, 1] whose noise chose u."""
        light, edges = _form(upright(picture, u))
        alike = self._edges @ edges[0] + 0.5 * (self._light @ light[0]).abs()
        return int(alike.argmax()) // self._variants


def colour(picture: Tensor, free: Tensor) -> int:
    """The number of the palette's colour that is nearest to a background's mean."""
    mean = (picture * free).sum((-2, -1)) / free.sum((-2, -1))
    return int((torch.tensor(list(COLOURS.values())) - mean).square().sum(1).argmin())


def share(right: Sequence[bool]) -> float:
    return round(sum(right) / max(len(right), 1), 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--student", default="painter")
    parser.add_argument("--students", type=Path, help="a folder of further students' files")
    parser.add_argument("--pictures", type=int, default=180)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    with open_engine("openvino", args.threads, args.student, [args.students] if args.students else []) as engine:
        student = engine.student
        assert student.graphs is not None
        asked = wishes(student.styles, args.pictures)
        painted = to_tensors(paint(engine, [Task(wish.prompt, wish.seed) for wish in asked]))
    drawings = unpacked(read_modules(student.graphs).text.text.drawings, VARIANTS)
    reader = ThingReader(drawings)
    mine, true, mine_behind, true_behind = (list[bool]() for _ in range(4))
    with torch.inference_mode():
        for wish, picture in zip(asked, painted, strict=True):
            scene_ = meant(wish, student, drawings)
            mine.append(reader.read(picture[None], scene_.choices) == wish.thing)
            true.append(reader.read(scene_.picture, scene_.choices) == wish.thing)
            if wish.look in KEEP_COLOURS:
                mine_behind.append(colour(picture[None], scene_.free) == wish.behind)
                true_behind.append(colour(scene_.picture, scene_.free) == wish.behind)
    found = {
        "pictures": len(asked),
        "things": {"student": share(mine), "true looks": share(true), "ratio": round(share(mine) / share(true), 3)},
        "backgrounds": {"student": share(mine_behind), "true looks": share(true_behind)},
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
