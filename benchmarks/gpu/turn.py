"""One turn of a run, in a process of its own: `python -m benchmarks.gpu` starts it.

python -m benchmarks.gpu.turn --contestant torch --shapes sd15-512 --batches 1,8 --scenes --out results --device cuda
"""

import argparse
import faulthandler
import logging
import signal
import sys
from pathlib import Path

from .bench import Bench
from .contestants import BY_NAME
from .deadline import Deadline
from .power import find_meter
from .records import Records
from .run import Run, expected
from .shapes import full_shapes, tiny_shapes


def main(arguments: list[str] | None = None) -> int:
    """0 if the turn came to its end, whatever became of its rows."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.gpu.turn", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--contestant", choices=BY_NAME, required=True)
    parser.add_argument("--shapes", type=lambda text: text.split(","), required=True)
    parser.add_argument("--batches", type=lambda text: tuple(map(int, text.split(","))), required=True)
    parser.add_argument("--scenes", action="store_true")
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--device", choices=("cuda", "cpu"), required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--deadline", type=float, required=True)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("engines").setLevel(logging.INFO)  # what was compiled in which time, chosen, and not captured
    shapes = [shape for shape in (tiny_shapes if options.tiny else full_shapes)() if shape.name in options.shapes]
    contestant, records = BY_NAME[options.contestant], Records(options.out)
    meter, _ = find_meter(options.device)
    run = Run(
        Bench(options.device, options.folder, lambda doing: print(doing, flush=True)),
        Deadline(options.deadline, expected(contestant, options.seconds, options.tiny)),
        options.seconds,
        records.tell,
        records.read(),
        meter,
        options.profile,
    )
    run.turn(contestant, shapes, options.batches, options.scenes)
    return 0


if __name__ == "__main__":
    faulthandler.enable()  # a library that ends the process leaves at least the place
    faulthandler.register(signal.SIGTERM, all_threads=False, chain=True)  # and so does the deadline
    sys.exit(main())
