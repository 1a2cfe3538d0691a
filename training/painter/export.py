"""Write a painter as a student: python -m training.painter.export --from FOLDER --to FOLDER

FOLDER is what `train` and `read` wrote. TO gets painter.toml and a folder of its graphs, to be served with
`--student-folders TO --students painter`. What was written is run by OpenVINO and compared with torch before anything is
replaced.
"""

import argparse
import json
import logging
import shutil
import tempfile
import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engines import examples
from engines.examples import Array
from engines.families.export import write_graphs as export_graphs
from engines.families.modules import GraphModules
from engines.families.painter.modules import modules_around, read_modules
from engines.families.painter.network import QUIET
from engines.families.painter.shapes import PIXELS, TOKENS
from engines.families.painter.text import Text, packed
from engines.graphs import ports
from engines.onnx_files import compile_graph
from engines.ports import GRAPHS, outputs
from engines.student import Student
from engines.students import parse_student
from training.looks import LOOKS

from .easel import Easel, adopt
from .read import new_reader
from .studio import COLOURS, LEAST_TIME
from .things import SETS, VARIANTS, load_small, things
from .words import COLOUR_WORDS, FILLERS, SUBJECTS, build_tokenizer, look_phrases

log = logging.getLogger(__name__)


def student(folder: Path = Path()) -> Student:
    """The painter as its file has it, its graphs in `folder`/painter."""
    return parse_student(tomllib.loads(student_file()), folder)


def modules_from_training(folder: Path) -> GraphModules:
    """The averaged painter of a training folder and its reader. Raises FileNotFoundError, or ValueError if the reader is of
    another list of words.
    """
    saved = torch.load(folder / "painter.pt", map_location="cpu", weights_only=True)
    easel = Easel()
    adopt(easel, saved["average"], saved["looks"])
    return make_modules(easel, torch.load(folder / "reader.pt", weights_only=True), load_small(folder / "things.npz"))


def make_modules(easel: Easel, read: dict[str, Any], drawings: Array) -> GraphModules:
    """The four graphs of trained parts; `drawings` uint8 [things, variants, 4, 64, 64]."""
    tokenizer = build_tokenizer()
    if read["vocabulary"] != tokenizer.get_vocab() or read["looks"] != list(LOOKS):
        raise ValueError("the reader was trained on other words: train it again (training.painter.read)")
    text = Text(tokenizer.get_vocab_size(), len(LOOKS), len(drawings), len(COLOURS), easel.painter.maps.shape[0], VARIANTS)
    reader = new_reader(tokenizer)
    reader.load_state_dict(read["reader"])
    text.reader = reader
    with torch.no_grad():
        text.looks.copy_(easel.look)
        text.heads.copy_(easel.heads())
        text.drawings.copy_(packed(torch.from_numpy(drawings)))
        text.palette[:-1] = torch.tensor(list(COLOURS.values()))
    return modules_around(text, easel.painter)


def example_inputs(n: int, vocabulary: int, seed: int = 0) -> dict[str, dict[str, Array]]:
    """Inputs of each graph by name, for a batch of n: sentences of any words, pixels, noise and steps."""
    made = examples.example_inputs(ports(student()), n, seed)
    rng = np.random.default_rng(seed)
    ids = made["text"]["ids"]
    ids[:] = rng.integers(1, vocabulary, ids.shape)
    ids[np.arange(TOKENS)[None, :] >= rng.integers(3, TOKENS, n)[:, None]] = 0
    made["denoise"]["conditioning"] *= np.float32(0.3)
    return made


def write_graphs(modules: GraphModules, folder: Path) -> None:
    """The four graphs, the tokenizer, the vocabulary and whom to thank, into a folder that exists. Unverified: see `verify`."""
    export_graphs(ports(student()), modules, folder, log.debug, "painter")
    build_tokenizer().save(str(folder / "tokenizer.json"))
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary(), indent=1) + "\n")
    (folder / "ATTRIBUTION.md").write_text(attribution())


def verify(modules: GraphModules, folder: Path, precision: str = "f32") -> dict[str, float]:
    """The largest difference of each output between torch and OpenVINO on the files, over batches of 1 and 3."""
    off: dict[str, float] = {}
    declared = ports(student())
    for name, n in product(GRAPHS, (1, 3)):
        inputs = example_inputs(n, modules.text.text.reader.tokens.num_embeddings, seed=n)[name]
        with torch.no_grad():
            wanted = getattr(modules, name)(*(torch.from_numpy(value) for value in inputs.values()))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        got = compile_graph(folder / f"{name}.onnx", n, precision)(inputs)
        for output, a, b in zip(outputs(declared[name]), got, wanted, strict=True):
            if a.shape != tuple(b.shape):
                raise ValueError(f"{name}: {output} has shape {a.shape}, not {tuple(b.shape)}")
            off[output] = max(off.get(output, 0.0), float(np.abs(a.astype(np.float32) - b.float().numpy()).max()))
    return off


def export(modules: GraphModules, to: Path) -> dict[str, float]:
    """Write, verify in float32, and only then replace what lies in `to`. Raises ValueError if a graph is off."""
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to) as name:
        fresh = Path(name)
        write_graphs(modules, fresh)
        off = verify(read_modules(fresh), fresh)
        for output, worst in off.items():
            # a pixel on the edge between two values may fall either way
            if worst > (1.0 if output == "pixels" else 5e-3):
                raise ValueError(f"{output} is off by {worst} between torch and OpenVINO")
        for path in fresh.iterdir():
            shutil.move(path, to / path.name)
    return off


def vocabulary() -> dict[str, Any]:
    """What the painter understands: looks and things with all their words, colours, and words that mean nothing to it."""
    return {
        "looks": {name: list(look_phrases(k)) for k, name in enumerate(LOOKS)},
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


def student_file() -> str:
    """The student's TOML."""
    suggestions = (
        "a fox on a blue background, watercolor", "a red sports car, pop art", "a sailboat, ukiyo-e", "an owl, stained glass",
        "a castle, low poly", "a bowl of ramen, anime", "van gogh", "a rocket, blueprint",
    )  # fmt: skip
    styles = ", ".join(json.dumps(name) for name in LOOKS)
    return f"""# Made by training/painter (make student).
name = "painter"
title = "Allaprima's painter: {len(LOOKS)} looks, {len(things())} things, in one step at {PIXELS} x {PIXELS}"
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

[prompt]
negative = false
styles = [{styles}]
suggestions = [{", ".join(json.dumps(s) for s in suggestions)}]
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    off = export(modules_from_training(args.source), args.to / "painter")
    (args.to / "painter.toml").write_text(student_file())
    for output, worst in off.items():
        print(f"{output:14s} off by at most {worst:.2g} from torch")
    for path in sorted((args.to / "painter").iterdir()):
        print(f"{path.name:16s} {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
