"""Things to paint by name, and drawings of them: from packages of the npm registry, fetched once and never kept here.

python -m training.painter.things --to FOLDER   fetches the packages and draws all things into FOLDER/things.npz
"""

import argparse
import io
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engines.families.painter.scene import MAP

SIDE = 256
"""Side of a drawing as it is kept for training; the student keeps it at MAP."""
VARIANTS = 2
MARGIN = 0.03
"""Free room around a drawing, as a share of its frame."""


@dataclass(frozen=True)
class DrawingSet:
    """A package of drawings, its licence, and whom to name."""

    package: str
    version: str
    licence: str
    author: str

    @property
    def folder(self) -> str:
        return f"@iconify-json/{self.package}"


SETS = (
    DrawingSet("noto", "1.2.9", "Apache-2.0", "Noto Emoji, Google"),
    DrawingSet("fluent-emoji-flat", "1.2.6", "MIT", "Fluent Emoji, Microsoft"),
    DrawingSet("twemoji", "1.2.5", "CC-BY-4.0", "Twemoji, Twitter, Inc and other contributors"),
    DrawingSet("fxemoji", "1.2.2", "Apache-2.0", "FxEmojis, Mozilla"),
)
"""In the order in which a thing's drawings are looked for."""
NAMES = ("emojibase-data", "17.0.0", "MIT")


@dataclass(frozen=True)
class Thing:
    """A thing: its name in prompts, other words for it, and what emojibase calls it."""

    name: str
    words: tuple[str, ...]
    label: str


@lru_cache
def things() -> tuple[Thing, ...]:
    """Every thing, in the order of their numbers."""
    return tuple(_parse((Path(__file__).parent / "things.txt").read_text().splitlines()))


def _parse(lines: list[str]) -> Iterator[Thing]:
    for line in lines:
        if line.strip() and not line.startswith("#"):
            first, *words = (part.strip() for part in line.split("/"))
            name, _, label = (part.strip() for part in first.partition("="))
            yield Thing(name, tuple(words), label or name)


def fetch(folder: Path) -> None:
    """The packages into `folder`/node_modules, by npm. Raises CalledProcessError, or FileNotFoundError without npm."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [f"{one.folder}@{one.version}" for one in SETS] + [f"{NAMES[0]}@{NAMES[1]}"]
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder), *wanted]
    subprocess.run(command, check=True, capture_output=True)


class Drawings:
    """The drawings of fetched packages, by the code point of what they show."""

    def __init__(self, folder: Path) -> None:
        modules = folder / "node_modules"
        data = json.loads((modules / NAMES[0] / "en" / "data.json").read_text())
        self._codes = {entry["label"].lower(): entry["hexcode"].lower() for entry in data}
        self._names = {entry["hexcode"].lower(): entry["label"] for entry in data}
        self._sets = [_Set(modules / one.folder) for one in SETS]

    def of(self, thing: Thing) -> list[NDArray[np.uint8]]:
        """RGBA [256, 256, 4] of each set that has the thing, in the order of the sets. Raises KeyError for an unknown label."""
        label = thing.label.lower().replace("'", "’")
        code = self._codes[label]
        found = []
        for one in self._sets:
            svg = one.svg(code, label)
            if svg is not None:
                found.append(_draw(svg))
        return found


class _Set:
    def __init__(self, folder: Path) -> None:
        data = json.loads((folder / "icons.json").read_text())
        self._icons: dict[str, Any] = data["icons"]
        self._aliases: dict[str, Any] = data.get("aliases", {})
        self._side = (data.get("width", 16), data.get("height", 16))
        characters = folder / "chars.json"
        self._by_code: dict[str, str] = json.loads(characters.read_text()) if characters.exists() else {}

    def svg(self, code: str, label: str) -> str | None:
        name = self._by_code.get(code) or self._by_code.get(code.removesuffix("-fe0f"))
        name = name or "-".join("".join(c if c.isalnum() else " " for c in label.replace("’", "")).split())
        while name in self._aliases:
            name = self._aliases[name]["parent"]
        icon = self._icons.get(name)
        if icon is None:
            return None
        width, height = icon.get("width", self._side[0]), icon.get("height", self._side[1])
        box = f"{icon.get('left', 0)} {icon.get('top', 0)} {width} {height}"
        return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{icon["body"]}</svg>'


def _draw(svg: str) -> NDArray[np.uint8]:
    """An SVG, cut to what it shows, in the middle of a square frame."""
    import resvg_py

    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=2 * SIDE, height=2 * SIDE))
    image = Image.open(io.BytesIO(png)).convert("RGBA")
    box = image.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()
    if box is not None:
        image = image.crop(box)
    inner = round(SIDE * (1 - 2 * MARGIN))
    scale = inner / max(image.size)
    # colours are averaged with their cover, or the edges of a drawing go dark
    image = image.convert("RGBa").resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS
    )
    frame = Image.new("RGBa", (SIDE, SIDE))
    frame.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return np.asarray(frame)


def draw_all(folder: Path, to: Path) -> int:
    """All things into a file, as RGB times cover and cover; how many. Raises ValueError if a thing has no drawing."""
    drawings, missing = Drawings(folder), []
    kept = []
    for thing in things():
        try:
            found = drawings.of(thing)
        except KeyError:
            found = []
        if not found:
            missing.append(thing.name)
            continue
        kept.append(np.stack([found[k % len(found)] for k in range(VARIANTS)]))
    if missing:
        raise ValueError(f"no drawing of {', '.join(missing)}")
    save(to, np.stack(kept))
    return len(kept)


def save(path: Path, drawings: NDArray[np.uint8]) -> None:
    """Drawings uint8 [things, variants, side, side, 4] with their names, and small as the student keeps them."""
    planes = np.ascontiguousarray(drawings.transpose(0, 1, 4, 2, 3))
    small = np.stack([_shrunk(one) for one in planes])
    np.savez(path, names=np.array([thing.name for thing in things()]), drawings=planes, small=small)


def load(path: Path) -> NDArray[np.uint8]:
    """Drawings uint8 [things, variants, 4, 256, 256] of a file of `save`. Raises ValueError if the list has changed."""
    return _read(path, "drawings")


def load_small(path: Path) -> NDArray[np.uint8]:
    """The same at MAP x MAP, as the student keeps them."""
    return _read(path, "small")


def _read(path: Path, what: str) -> NDArray[np.uint8]:
    with np.load(path) as saved:
        if list(saved["names"]) != [thing.name for thing in things()]:
            raise ValueError(f"{path} is of another list of things: delete it, and they are drawn again")
        drawn: NDArray[np.uint8] = saved[what]
    return drawn


def _shrunk(drawings: NDArray[np.uint8]) -> NDArray[np.uint8]:
    *lead, side, _ = drawings.shape
    step = side // MAP
    small = drawings.reshape(*lead, MAP, step, MAP, step).astype(np.float32).mean((-3, -1))
    rounded: NDArray[np.uint8] = np.round(small).astype(np.uint8)
    return rounded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True)
    folder = parser.parse_args().to
    if not (folder / "node_modules" / NAMES[0]).exists():
        fetch(folder)
    print(f"{draw_all(folder, folder / 'things.npz')} things drawn")


if __name__ == "__main__":
    main()
