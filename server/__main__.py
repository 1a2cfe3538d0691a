"""The command `allaprima`."""

import argparse
import sys
from collections.abc import Callable
from typing import Any

from engines.errors import EngineError
from engines.students import BadStudent, UnknownStudent

from . import __version__
from .commands import build, serve, students
from .settings import SettingsError

MISUSED = 2
INTERRUPTED = 130

_COMMANDS = {
    "serve": (serve, "start the server"),
    "students": (students, "list what can be served"),
    "build": (build, "export and compile a student ahead of time"),
}


def main(argv: list[str] | None = None) -> int:
    """Run a command line; the exit status."""
    parser = argparse.ArgumentParser(prog="allaprima", description="Paint with diffusion, live.")
    parser.add_argument("--version", action="version", version=f"allaprima {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (command, what) in _COMMANDS.items():
        command.add(commands.add_parser(name, help=what))
    flags = vars(parser.parse_args(argv))
    run: Callable[[dict[str, Any]], int] = _COMMANDS[flags.pop("command")][0].run
    try:
        return run(flags)
    except (SettingsError, UnknownStudent, BadStudent, EngineError) as error:
        print(f"allaprima: {error}", file=sys.stderr)
        return MISUSED
    except KeyboardInterrupt:  # before there was anything to end in order
        return INTERRUPTED
    except BrokenPipeError:  # of a list that was cut off, as by head
        return 0


if __name__ == "__main__":
    sys.exit(main())
