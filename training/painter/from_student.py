"""Begin a training folder from a student's graphs: python -m training.painter.from_student --from FOLDER --out FOLDER

For who has the graphs of a painter and not the checkpoint that they were made from: whoever wants to tune the one that ships
(`--from engines/students/painter`), or to teach it another look. Writes what `train` goes on from, the painter and the reader
of prompts, with weights as the graphs keep them: the big ones in half precision. What cannot be read from graphs is the state
of the optimizer, which begins anew.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from engines.families.painter.modules import ControlledGraph, read_modules
from engines.families.painter.text import Text
from training.looks import LOOKS

from .easel import Easel
from .eye import FILE as EYE
from .eye import first_state
from .words import build_tokenizer

SAME = 2e-3
"""How far the fixed maps may be from those of the graphs, which are in half precision."""


def read_easel(student: Path) -> tuple[Easel, tuple[str, ...]]:
    """The painter of a folder of graphs, with what it knows of the looks that it has learnt, and their names.

    A look that it has not learnt begins from the mean of those that it has. Raises FileNotFoundError where a file is missing,
    and ValueError where the looks, or the maps that they are made with, are not those of today.
    """
    modules = read_modules(student)
    text, painter = modules.text.text, modules.denoise.painter
    looks = _names(student, text)
    easel = Easel()
    for name in ("maps", "bank"):
        ours, theirs = getattr(easel.painter, name), getattr(painter, name)
        if ours.shape != theirs.shape or (ours - theirs).abs().max() > SAME:
            raise ValueError(f"{student}: its {name} are not those that the looks are made with today: train from nothing")
    fixed = {"maps": easel.painter.maps, "bank": easel.painter.bank}
    easel.painter.load_state_dict(painter.state_dict() | fixed)
    places = [list(LOOKS).index(name) for name in looks]
    with torch.no_grad():
        # how strokes run and cells meet is of each look by itself, from the beginning
        easel.common.copy_(text.heads.mean(0))
        easel.common[-2:] = 0.0
        easel.head[places] = text.heads - easel.common
        easel.look[places], easel.touch[places] = text.looks, text.touches
        others = [place for place in range(len(LOOKS)) if place not in places]
        easel.look[others], easel.touch[others] = text.looks.mean(0), text.touches.mean(0)
    return easel, looks


def read_reader(student: Path) -> dict[str, Any]:
    """The reader of prompts of a folder of graphs, as `read` writes it, with the names of the looks that it `knows`.

    Raises FileNotFoundError, and ValueError where its words have other numbers than those of today.
    """
    text = read_modules(student).text.text
    tokenizer, own = build_tokenizer(), Tokenizer.from_file(str(student / "tokenizer.json"))
    vocabulary, known = tokenizer.get_vocab(), own.get_vocab()
    if len(vocabulary) != text.reader.tokens.num_embeddings or not known.items() <= vocabulary.items():
        raise ValueError(f"{student}: its words are not those of today: train a reader (training.painter.read)")
    looks = _names(student, text)
    places = [list(LOOKS).index(name) for name in looks]
    state = text.reader.state_dict()
    for name in ("look.weight", "look.bias"):
        state[name] = _spread(state[name], places)
    return {"reader": state, "vocabulary": vocabulary, "looks": list(LOOKS), "knows": list(looks)}


def _names(student: Path, text: Text) -> tuple[str, ...]:
    """The looks of the graphs' tables, in their order."""
    names = tuple(json.loads((student / "vocabulary.json").read_text())["looks"])
    if gone := [name for name in names if name not in LOOKS]:
        raise ValueError(f"{student}: it has learnt {gone[0]!r}, which is no look of training.looks")
    if len(names) != len(text.looks):
        raise ValueError(f"{student}: its vocabulary names {len(names)} looks, and its graph knows {len(text.looks)}")
    return names


def _spread(rows: Tensor, places: list[int]) -> Tensor:
    """Rows of some looks as rows of all, of the others zeros."""
    out = torch.zeros(len(LOOKS), *rows.shape[1:])
    out[places] = rows
    return out


def begin(student: Path, out: Path) -> tuple[str, ...]:
    """Write `painter.pt`, and `reader.pt` and `eye.pt` unless they are there; the looks that are learnt. Raises
    FileExistsError rather than write over a checkpoint, and as `read_easel` and `read_reader` do.
    """
    checkpoint, reader, eye = out / "painter.pt", out / "reader.pt", out / EYE
    if checkpoint.exists():
        raise FileExistsError(f"{checkpoint} is there already: go on from it, or name another folder")
    easel, looks = read_easel(student)
    read = None if reader.exists() else read_reader(student)
    out.mkdir(parents=True, exist_ok=True)
    state = easel.state_dict()
    saved = {"easel": state, "average": state, "looks": list(LOOKS), "learnt": list(looks), "step": 0, "spent": 0.0}
    torch.save(saved, checkpoint)
    if read is not None:
        torch.save(read, reader)
    denoise = read_modules(student).denoise
    if isinstance(denoise, ControlledGraph) and not eye.exists():
        torch.save(first_state(denoise.control), eye)
    return looks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="student", type=Path, required=True, help="the folder of the student's graphs")
    parser.add_argument("--out", type=Path, required=True, help="the training folder")
    args = parser.parse_args()
    try:
        looks = begin(args.student, args.out)
    except (FileNotFoundError, FileExistsError, ValueError) as problem:
        raise SystemExit(str(problem)) from None
    print(f"{args.out}: {len(looks)} looks, as in {args.student}")


if __name__ == "__main__":
    main()
