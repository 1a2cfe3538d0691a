"""Write the student's graphs: python -m training.export --from FOLDER --to engines/students/embedded.

FOLDER is what `train` wrote: codec.pt and teacher.pt or student.pt. The four ONNX graphs carry the averaged weights, the
big ones in half precision, under the names of the modules' own state dicts: `read_modules` makes the modules again from
the files. What was written is run by OpenVINO and compared with torch before anything is replaced.
"""

import argparse
import logging
from pathlib import Path

import torch
from torch import Tensor

from engines.examples import Array
from engines.families.embedded.codec import Codec
from engines.families.embedded.modules import modules_around, read_modules
from engines.families.embedded.network import Denoiser, TextEncoder
from engines.families.export import write_graphs as export_graphs
from engines.families.modules import GraphModules
from engines.graphs import ports
from engines.students import load_student

from .captions import build_tokenizer
from .graph_files import differences, print_export, replace_verified, sentence_inputs

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
    return sentence_inputs(PORTS, n, vocabulary, seed)


def write_graphs(modules: GraphModules, folder: Path) -> None:
    """The four graphs and the tokenizer, into a folder that exists. Unverified: see `verify`."""
    export_graphs(PORTS, modules, folder, log.debug, STUDENT.name)
    build_tokenizer().save(str(folder / "tokenizer.json"))


def verify(modules: GraphModules, folder: Path, precision: str = "f32") -> dict[str, float]:
    """The largest difference of each output between torch and OpenVINO on the files. See `differences`."""
    vocabulary = modules.text.text.tokens.num_embeddings
    return differences(PORTS, modules, folder, lambda n: example_inputs(n, vocabulary, seed=n), precision)


def export(modules: GraphModules, to: Path) -> dict[str, float]:
    """Write, verify, and only then replace what lies in `to`. Raises ValueError if a graph is off."""
    return replace_verified(
        to, lambda fresh: write_graphs(modules, fresh), lambda fresh: verify(read_modules(fresh), fresh), within=2e-3
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--stage", choices=("teacher", "student"), help="default: the student, if there is one yet")
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print_export(export(modules_from_training(args.source, args.stage), args.to), args.to)


if __name__ == "__main__":
    main()
