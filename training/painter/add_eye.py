"""Give a painter that is exported an eye: python -m training.painter.add_eye --from FOLDER --to FOLDER

FROM is what `training.painter.eye` wrote; TO has a painter.toml and its folder of graphs, such as engines/students. Of the
graphs the denoiser alone is written again, with the painter's weights that it had.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch

from engines.families.export import write_graphs
from engines.families.painter.control import Control
from engines.families.painter.modules import read_modules
from engines.graphs import ports
from training.graph_files import print_export, replace_verified

from .export import Made, student_file, verify, with_eye
from .eye import read_control


def add_eye(control: Control, to: Path) -> dict[str, float]:
    """Write it into the student in `to`; how far each output is off. Raises ValueError, and nothing is replaced, if one is."""
    folder = to / "painter"
    looks = tuple(json.loads((folder / "vocabulary.json").read_text())["looks"])
    made = with_eye(Made(read_modules(folder), looks), control)

    def write(fresh: Path) -> None:
        write_graphs(ports(made.student), made.modules, fresh, lambda said: None, "painter")
        for name in ("text", "encode", "decode"):
            shutil.copyfile(folder / f"{name}.onnx", fresh / f"{name}.onnx")

    off = replace_verified(folder, write, lambda fresh: verify(read_modules(fresh), fresh), within=5e-3)
    (to / "painter.toml").write_text(student_file(made.looks, made.eye))
    return off


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=Path, required=True)
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)
    off = add_eye(read_control(args.source), args.to)
    print_export(off, args.to / "painter")


if __name__ == "__main__":
    main()
