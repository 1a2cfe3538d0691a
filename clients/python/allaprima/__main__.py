"""The command `allaprima` of a machine that has the client alone."""

import argparse
import sys

from . import __version__


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["paint"]:
        return paint(arguments[1:])
    parser = argparse.ArgumentParser(prog="allaprima", description="Paint with diffusion, live, by a server elsewhere.")
    parser.add_argument("--version", action="version", version=f"allaprima {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("paint", help="paint a camera, the screen, a video or pictures", add_help=False)
    parser.parse_args(arguments)
    return 0


def paint(arguments: list[str]) -> int:
    """`allaprima paint`; 1 where its extra is not installed."""
    try:
        from .paint import main as command
    except ModuleNotFoundError as missing:
        if missing.name not in ("av", "rich"):
            raise
        print(f"allaprima paint needs its extra ({missing.name}): pip install 'allaprima-client[paint]'", file=sys.stderr)
        return 1
    return command(arguments)


if __name__ == "__main__":
    sys.exit(main())
