"""Engines on a GPU beside the incumbents': one table, plots, and whether the targets were met. See README.md.

python -m benchmarks.gpu --out results
python -m benchmarks.gpu --tiny --out results
python -m benchmarks.gpu --report results/results.jsonl --out results
"""

import argparse
import faulthandler
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .table import heading, said

Record = Mapping[str, Any]

BATCHES = (1, 2, 4, 8, 16)
_FOLDER = Path(tempfile.gettempdir()) / "allaprima-benchmark"
_TINY_SECONDS, _SECONDS = 0.1, 2.0


def main(arguments: list[str] | None = None) -> int:
    """0 if at least one row was measured, or the report made."""
    options = _parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    records = _read(options.report) if options.report else _measure(options)
    return _report(records, options.out)


def _read(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _measure(options: argparse.Namespace) -> list[Record]:
    import torch

    from .bench import Bench
    from .deadline import Deadline
    from .run import Run, groups
    from .shapes import full_shapes, tiny_shapes

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    if not options.tiny and device == "cpu":
        sys.exit("there is no GPU here, and networks of full size take minutes an image without: --tiny measures small ones")
    known = tiny_shapes() if options.tiny else full_shapes()
    shapes = [shape for shape in known if options.shapes is None or shape.name in options.shapes]
    records: list[Record] = []
    with (options.out / "results.jsonl").open("a") as file:

        def tell(record: dict[str, Any]) -> None:
            records.append(record)
            file.write(json.dumps(record) + "\n")
            file.flush()
            os.fsync(file.fileno())
            print(said(record), flush=True)

        print(heading(), flush=True)
        bench = Bench(device, options.folder, groups(options.batches), lambda doing: print(doing, flush=True))
        try:
            seconds = options.seconds or (_TINY_SECONDS if options.tiny else _SECONDS)
            run = Run(bench, Deadline(options.deadline), seconds, tell, options.tiny)
            run.all(shapes, options.batches, options.only)
        finally:
            bench.close()
    return records


def _report(records: Sequence[Record], folder: Path) -> int:
    """The table once more, whole; the plots; the targets."""
    from .plots import draw
    from .run import last_rows
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
    parser.add_argument("--out", type=Path, required=True, help="folder of results.jsonl, table.txt and the plots")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help=f"of what engines build and keep ({_FOLDER})")
    parser.add_argument("--tiny", action="store_true", help="small networks: minutes become seconds, figures mean nothing")
    parser.add_argument("--device", choices=("cuda", "cpu"), help="default: cuda where there is one")
    parser.add_argument("--deadline", type=float, default=540.0, help="seconds after which nothing more is begun")
    parser.add_argument("--seconds", type=float, help=f"of each measured window ({_SECONDS:g}, {_TINY_SECONDS:g} if tiny)")
    parser.add_argument("--only", type=_names, default=(), help="engines, and `scenes`, with commas")
    parser.add_argument("--shapes", type=_names, help="sd15-512, sdxl-512, sdxl-1024, with commas")
    parser.add_argument("--batches", type=_sizes, default=BATCHES, help="tick sizes, with commas")
    parser.add_argument("--report", type=Path, help="measure nothing: table, plots and targets of this results.jsonl")
    return parser.parse_args(arguments)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted({int(part) for part in text.split(",")}))


if __name__ == "__main__":
    faulthandler.enable()  # a library that ends the process leaves at least the place
    sys.exit(main())
