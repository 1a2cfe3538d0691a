"""Engines on a GPU beside the incumbents': one table, plots, and whether the targets were met. See README.md.

python -m benchmarks.gpu --out results
python -m benchmarks.gpu --only torch,scenes --shapes sd15-512 --batches 1,8 --deadline 390
python -m benchmarks.gpu --tiny --out results
python -m benchmarks.gpu --report results/results.jsonl --out results
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import kernels
from .deadline import Deadline
from .records import Record, Records, last_rows, read_records
from .table import heading, said
from .turns import plan

BATCHES = (1, 2, 4, 8, 16)
SCENES = "scenes"
_FOLDER = Path(tempfile.gettempdir()) / "allaprima-benchmark"
_TINY_SECONDS, _SECONDS = 0.1, 2.0


def main(arguments: list[str] | None = None) -> int:
    """0 if at least one row was measured, or the report made."""
    options = _parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.report:
        return _report(read_records(options.report), options.out)
    records = Records(options.out)
    before = len(records.read())
    _measure(options, records)
    made = records.read()
    _report(made, options.out)
    return 0 if any(record["kind"] == "row" for record in made[before:]) else 1


def _measure(options: argparse.Namespace, records: Records) -> None:
    import torch

    from .contestants import BY_NAME
    from .course import Course
    from .shapes import full_shapes, tiny_shapes
    from .targets import is_ours

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if not options.tiny and device == "cpu":
        sys.exit("there is no GPU here, and networks of full size take minutes an image without: --tiny measures small ones")
    known = tiny_shapes() if options.tiny else full_shapes()
    wanted = _known("shapes", options.shapes, [shape.name for shape in known])
    named = _known("only", [name for name in options.only if name != SCENES], list(BY_NAME))
    shapes = [shape for shape in known if not wanted or shape.name in wanted]
    seconds = options.seconds or (_TINY_SECONDS if options.tiny else _SECONDS)
    course = Course(
        BY_NAME, records, Deadline(options.deadline), device, seconds, options.folder.resolve(), options.tiny, named,
        options.profile,
    )  # fmt: skip
    if options.kernels:
        kernels.unpack(options.kernels, options.folder)
    chosen = course.choose()
    course.look_at_the_machine()
    print(heading(), flush=True)
    watcher = None
    if chosen and (not options.only or SCENES in options.only):
        watcher = next((one.name for one in chosen if is_ours(one.name)), chosen[0].name)
    course.take_all(plan(chosen, shapes, options.batches, watcher))
    if options.pack:
        print(kernels.pack(options.folder, options.pack), flush=True)


def _known(flag: str, names: Sequence[str] | None, there_are: Sequence[str]) -> Sequence[str]:
    """The names, or an end that says which of them is none."""
    if strange := [name for name in names or () if name not in there_are]:
        sys.exit(f"--{flag}: there is no {', '.join(strange)}; there are {', '.join(there_are)}")
    return names or ()


def _report(records: Sequence[Record], folder: Path) -> int:
    """The table once more, whole; the plots; the targets."""
    from .plots import draw
    from .targets import judge

    records = last_rows(records)
    rows = [record for record in records if record["kind"] == "row"]
    order = sorted(rows, key=lambda row: (row["family"], row["pixels"], row["batch"], row["engine"], row["under_way"]))
    others = [record for record in records if record["kind"] != "row"]
    lines = [*(said(record) for record in others), "", heading(), *map(said, order), "", *map(str, judge(records))]
    text = "\n".join(lines)
    print(f"\n{text}", flush=True)
    (folder / "table.txt").write_text(text + "\n")
    try:
        for path in draw(records, folder):
            print(path)
    except ImportError as error:
        print(f"no plots: {error}; draw them elsewhere with --report results.jsonl")
    return 0 if rows else 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    out = os.environ.get("OUT")
    parser.add_argument(
        "--out", type=Path, default=out, required=not out, help="folder of results.jsonl, table.txt and the plots ($OUT)"
    )
    parser.add_argument("--folder", type=Path, default=_FOLDER, help=f"of what engines build and keep ({_FOLDER})")
    parser.add_argument("--tiny", action="store_true", help="small networks: minutes become seconds, figures mean nothing")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="default: cuda where there is one")
    parser.add_argument("--deadline", type=float, default=540.0, help="seconds after which nothing more is begun")
    parser.add_argument("--seconds", type=float, help=f"of each measured window ({_SECONDS:g}, {_TINY_SECONDS:g} if tiny)")
    parser.add_argument("--only", type=_names, default=(), help="contestants, and `scenes` with one of them, with commas")
    parser.add_argument("--shapes", type=_names, help="sd15-512, sdxl-512, sdxl-1024, with commas")
    parser.add_argument("--batches", type=_sizes, default=BATCHES, help="tick sizes, with commas")
    parser.add_argument("--profile", action="store_true", help="after the scenes, where a tick's time goes: profile.txt")
    parser.add_argument("--kernels", type=Path, help="unpack what torch compiled another time, a file of --pack")
    parser.add_argument("--pack", type=Path, help="pack what torch compiled into this file, if it is small enough to carry")
    parser.add_argument("--report", type=Path, help="measure nothing: table, plots and targets of this results.jsonl")
    options = parser.parse_args(arguments)
    if options.only and set(options.only) == {SCENES}:
        parser.error(f"--only {SCENES}: scenes are watched by an engine, so name one with them, such as torch,{SCENES}")
    return options


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


if __name__ == "__main__":
    sys.exit(main())
