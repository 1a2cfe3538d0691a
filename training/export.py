"""Write the student's graphs: python -m training.export --from FOLDER --to engines/students/embedded.

FOLDER is what `train` wrote: codec.pt and teacher.pt or student.pt. The four ONNX graphs carry the averaged weights, the
big ones in half precision, under the names of the modules' own state dicts: `read_modules` makes the modules again from
the files. What was written is run by OpenVINO and compared with torch before anything is replaced.
"""

import argparse
import logging
import shutil
import tempfile
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engines import examples
from engines.examples import Array
from engines.families.embedded.codec import Codec
from engines.families.embedded.modules import modules_around, read_modules
from engines.families.embedded.network import Denoiser, TextEncoder
from engines.families.embedded.shapes import TOKENS
from engines.families.export import write_graphs as export_graphs
from engines.families.modules import GraphModules
from engines.graphs import ports
from engines.onnx_files import compile_graph
from engines.ports import GRAPHS, outputs
from engines.students import load_student

from .captions import build_tokenizer

log = logging.getLogger(__name__)

STUDENT = load_student("embedded")
PORTS = ports(STUDENT)


def modules_from_training(folder: Path, stage: str | None = None) -> GraphModules:
    """The averaged student of a training folder; without a stage the student if there is one, else the teacher."""
    stage = stage or ("student" if (folder / "student.pt").exists() else "teacher")
    saved = torch.load(folder / f"{stage}.pt", map_location="cpu", weights_only=True)["average"]
    text, denoiser, codec = TextEncoder(saved["text.tokens.weight"].shape[0]), Denoiser(), Codec()
    text.load_state_dict(_under("text.", saved))
    denoiser.load_state_dict(_under("denoiser.", saved))
    codec.load_state_dict(torch.load(folder / "codec.pt", map_location="cpu", weights_only=True))
    return modules_around(text, denoiser, codec)


def _under(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def example_inputs(n: int, vocabulary: int, seed: int = 0) -> dict[str, dict[str, Array]]:
    """Inputs of each graph by name, for a batch of n: plausible sentences, pixels, noise and steps."""
    made = examples.example_inputs(PORTS, n, seed)
    rng = np.random.default_rng(seed)
    ids = made["text"]["ids"]
    ids[:] = rng.integers(1, vocabulary, ids.shape)
    ids[np.arange(TOKENS)[None, :] >= rng.integers(3, TOKENS, n)[:, None]] = 0
    return made


def write_graphs(modules: GraphModules, folder: Path) -> None:
    """The four graphs and the tokenizer, into a folder that exists. Unverified: see `verify`."""
    export_graphs(PORTS, modules, folder, log.debug, STUDENT.name)
    build_tokenizer().save(str(folder / "tokenizer.json"))


def verify(modules: GraphModules, folder: Path, precision: str = "f32") -> dict[str, float]:
    """The largest difference of each output between torch and OpenVINO on the files, over batches of 1 and 3."""
    off: dict[str, float] = {}
    vocabulary = modules.text.text.tokens.num_embeddings
    for name, n in product(GRAPHS, (1, 3)):
        inputs = example_inputs(n, vocabulary, seed=n)[name]
        with torch.no_grad():
            wanted = getattr(modules, name)(*(torch.from_numpy(value) for value in inputs.values()))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        got = compile_graph(folder / f"{name}.onnx", n, precision)(inputs)
        for output, a, b in zip(outputs(PORTS[name]), got, wanted, strict=True):
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
            if worst > (1.0 if output == "pixels" else 2e-3):
                raise ValueError(f"{output} is off by {worst} between torch and OpenVINO")
        for path in fresh.iterdir():
            shutil.move(path, to / path.name)
    return off


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--stage", choices=("teacher", "student"), help="default: the student, if there is one yet")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    off = export(modules_from_training(args.source, args.stage), args.to)
    for output, worst in off.items():
        print(f"{output:14s} off by at most {worst:.2g} from torch")
    for path in sorted(args.to.iterdir()):
        print(f"{path.name:14s} {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
