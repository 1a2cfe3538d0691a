"""Measure front ends and workers with a queue between them: python -m benchmarks.workers [--only NAME,NAME] [--json]"""

import argparse
import asyncio
import json
import sys

from .cable import NoNamespaces
from .kills import KILLS
from .kills import run as run_kill
from .rates import RATES


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for, one after the other, and print what came of it."""
    parser = argparse.ArgumentParser(prog="benchmarks.workers", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help=f"of {', '.join([*RATES, *KILLS])}; none: all")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured time of each rate")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    options = parser.parse_args(arguments)
    names = [name for name in options.only.split(",") if name] or [*RATES, *KILLS]
    if unknown := set(names) - {*RATES, *KILLS}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    for name in names:
        try:
            figures = asyncio.run(RATES[name](options.seconds) if name in RATES else run_kill(name))
        except NoNamespaces as error:
            figures = {"left_out": str(error)}
        if options.json:
            print(json.dumps({"name": name, **figures}), flush=True)
        else:
            print(name + "".join(f"\n  {key}: {value}" for key, value in figures.items()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
