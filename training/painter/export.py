"""Write a painter as a student: python -m training.painter.export --from FOLDER --to FOLDER

FOLDER is what `train` and `read` wrote. TO gets painter.toml and a folder of its graphs, to be served with
`--student-folders TO --students painter`. What was written is run by OpenVINO and compared with torch before anything is
replaced.
"""

import argparse
import json
import logging
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engines.examples import Array
from engines.families.export import write_graphs as export_graphs
from engines.families.modules import GraphModules
from engines.families.painter.control import Control
from engines.families.painter.modules import ControlledGraph, modules_around, read_modules
from engines.families.painter.network import QUIET
from engines.families.painter.shapes import PIXELS
from engines.families.painter.text import Text, packed
from engines.graphs import ports
from engines.student import Student
from engines.students import parse_student
from training.graph_files import differences, print_export, replace_verified, sentence_inputs
from training.looks import LOOKS

from .easel import Easel, adopt
from .eye import FILE, read_control
from .read import new_reader
from .studio import COLOURS, LEAST_TIME
from .things import SETS, VARIANTS, load_small, things
from .words import COLOUR_WORDS, FILLERS, SUBJECTS, build_tokenizer, look_phrases

log = logging.getLogger(__name__)


def student(folder: Path = Path(), looks: Sequence[str] = tuple(LOOKS), eye: bool = False) -> Student:
    """The painter as its file has it, its graphs in `folder`/painter, with the looks that it has learnt; perhaps an eye."""
    return parse_student(tomllib.loads(student_file(looks, eye)), folder)


@dataclass(frozen=True)
class Made:
    """The graphs, and the looks that they have learnt."""

    modules: GraphModules
    looks: tuple[str, ...]

    @property
    def eye(self) -> bool:
        """Whether its denoiser has a control network."""
        return isinstance(self.modules.denoise, ControlledGraph)

    @property
    def student(self) -> Student:
        return student(looks=self.looks, eye=self.eye)


def from_training(folder: Path, offered: Sequence[str] = tuple(LOOKS)) -> Made:
    """The averaged painter of a training folder and its reader, with those looks that are learnt and `offered`. Raises
    FileNotFoundError, or ValueError if the reader is of another list of words.
    """
    saved = torch.load(folder / "painter.pt", map_location="cpu", weights_only=True)
    easel = Easel()
    adopt(easel, saved["average"], saved["looks"])
    looks = tuple(name for name in LOOKS if name in saved["learnt"] and name in offered)
    made = make(easel, torch.load(folder / "reader.pt", weights_only=True), load_small(folder / "things.npz"), looks)
    return with_eye(made, read_control(folder)) if (folder / FILE).exists() else made


def with_eye(made: Made, control: Control) -> Made:
    """The same painter with a control network before it."""
    return Made(modules_around(made.modules.text.text, made.modules.denoise.painter, control), made.looks)


def make(easel: Easel, read: dict[str, Any], drawings: Array, looks: tuple[str, ...] = tuple(LOOKS)) -> Made:
    """The four graphs of trained parts, for some looks; `drawings` uint8 [things, variants, 4, 64, 64]."""
    tokenizer = build_tokenizer()
    if read["vocabulary"] != tokenizer.get_vocab() or read["looks"] != list(LOOKS):
        raise ValueError("the reader was trained on other words: train it again (training.painter.read)")
    if unread := set(looks) - set(read.get("knows", LOOKS)):
        raise ValueError(f"the reader knows no {min(unread)!r}: train one that does (training.painter.read)")
    reader = new_reader(tokenizer)
    reader.load_state_dict(read["reader"])
    text = Text(tokenizer.get_vocab_size(), len(looks), len(drawings), len(COLOURS), easel.painter.maps.shape[0], VARIANTS)
    learnt = [list(LOOKS).index(name) for name in looks]
    with torch.no_grad():
        reader.look.weight, reader.look.bias = (nn.Parameter(old[learnt]) for old in (reader.look.weight, reader.look.bias))
        text.reader = reader
        text.looks.copy_(easel.look[learnt])
        text.heads.copy_(easel.heads()[learnt])
        text.touches.copy_(easel.touch[learnt])
        text.drawings.copy_(packed(torch.from_numpy(drawings)))
        text.palette[:-1] = torch.tensor(list(COLOURS.values()))
    return Made(modules_around(text, easel.painter), looks)


def example_inputs(n: int, vocabulary: int, eye: bool = False) -> dict[str, dict[str, Array]]:
    """Inputs of each graph by name, for a batch of n: sentences of any words, pixels, noise and steps."""
    made = sentence_inputs(ports(student(eye=eye)), n, vocabulary, seed=n)
    made["denoise"]["conditioning"] *= np.float32(0.3)
    return made


def write_graphs(made: Made, folder: Path) -> None:
    """The four graphs, the tokenizer, the vocabulary and whom to thank, into a folder that exists. Unverified: see `verify`."""
    export_graphs(ports(made.student), made.modules, folder, log.debug, "painter")
    build_tokenizer(made.looks).save(str(folder / "tokenizer.json"))
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary(made.looks), indent=1) + "\n")
    (folder / "ATTRIBUTION.md").write_text(attribution())


def verify(modules: GraphModules, folder: Path) -> dict[str, float]:
    """The largest difference of each output between torch and OpenVINO on the files. See `differences`."""
    words, eye = modules.text.text.reader.tokens.num_embeddings, isinstance(modules.denoise, ControlledGraph)
    return differences(ports(student(eye=eye)), modules, folder, lambda n: example_inputs(n, words, eye))


def export(made: Made, to: Path) -> dict[str, float]:
    """Write, verify, and only then replace what lies in `to`. Raises ValueError if a graph is off."""
    return replace_verified(
        to, lambda fresh: write_graphs(made, fresh), lambda fresh: verify(read_modules(fresh), fresh), within=5e-3
    )


def vocabulary(looks: Sequence[str] = tuple(LOOKS)) -> dict[str, Any]:
    """What the painter understands: looks and things with all their words, colours, and words that mean nothing to it."""
    return {
        "looks": {name: list(look_phrases(k)) for k, name in enumerate(LOOKS) if name in looks},
        "things": {one.name: [one.name, *one.words] for one in things()},
        "colours": {name: list(words) for name, words in COLOUR_WORDS.items()},
        "subjects": list(SUBJECTS),
        "other": list(FILLERS),
    }


def attribution() -> str:
    """Whose drawings the text graph holds, and under what licence."""
    lines = [
        "The text graph holds small drawings of things, made from these sets, cut to their outlines, at 64 x 64 pixels:",
        "",
    ]
    lines += [f"- {one.author} ({one.folder} {one.version}): {one.licence}" for one in SETS]
    return "\n".join([*lines, "", "Everything else in this folder is Apache-2.0, as the project.", ""])


SUGGESTIONS = (
    "a fox on a blue background, watercolor", "a red sports car, pop art", "a sailboat, ukiyo-e", "an owl, paper cut",
    "a castle, pixel art", "a bowl of ramen, comic", "van gogh", "a rocket, blueprint", "a lion, stained glass",
)  # fmt: skip


EYE = """[control.lines]
licence = "Apache-2.0"
# shown to it, a frame is painted from noise alone, along its lines
strength = 1.0

"""


def student_file(looks: Sequence[str] = tuple(LOOKS), eye: bool = False) -> str:
    """The student's TOML, perhaps with an eye."""
    others = [name for name in LOOKS if name not in looks]
    suggested = ",\n".join(f"    {json.dumps(one)}" for one in SUGGESTIONS if not any(name in one for name in others))
    # what is not there to be chosen is last
    offered = [name for name in looks if name != "photo"] + [name for name in looks if name == "photo"]
    styles = ",\n".join("    " + ", ".join(json.dumps(name) for name in offered[i : i + 8]) for i in range(0, len(offered), 8))
    strengths = "".join(f"{json.dumps(name)} = {LOOKS[name].strength:g}\n" for name in offered)
    return f"""# Made by training/painter (make painter).
name = "painter"
title = "Allaprima's painter: {len(looks)} looks, {len(things())} things, in one step at {PIXELS} x {PIXELS}"
licence = "Apache-2.0; drawings within: {", ".join(sorted({one.licence for one in SETS}))}"
source = "training/painter"
architecture = "painter"
graphs = "painter"

[image]
width = {PIXELS}
height = {PIXELS}

[contract]
schedule = "flow"
prediction = "sample"
times = [1.0]
strengths = "any"
fade = {LEAST_TIME}
# no noise up to there: what is painted is a function of the picture, and strength says how broad the strokes are
options = {{ quiet = {QUIET} }}

{EYE if eye else ""}[prompt]
negative = false
styles = [
{styles},
]
suggestions = [
{suggested},
]

[prompt.style_strengths]
{strengths}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--looks", default=",".join(LOOKS), help="of the looks learnt only these, with commas between")
    args = parser.parse_args()
    torch.set_num_threads(1)
    made = from_training(args.source, [name.strip() for name in args.looks.split(",")])
    off = export(made, args.to / "painter")
    (args.to / "painter.toml").write_text(student_file(made.looks, made.eye))
    print_export(off, args.to / "painter")


if __name__ == "__main__":
    main()
