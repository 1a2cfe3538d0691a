"""The command line of `allaprima`."""

import argparse
import signal
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from engines.errors import EngineError
from engines.students import BadStudent, UnknownStudent

from . import __version__
from .commands import build, keys, serve, students, worker
from .settings import SettingsError

MISUSED = 2
INTERRUPTED = 130

_COMMANDS = {
    "serve": (serve, "start the server"),
    "worker": (worker, "paint for front ends elsewhere, by a queue between them"),
    "students": (students, "list what can be served"),
    "keys": (keys, "say who may use a server, by names, with limits"),
    "build": (build, "export and compile a student ahead of time"),
}

_SERVING = (serve, worker)
"""Those that end in order by themselves, once they have begun; before that there is nothing to tidy up."""

PLUGINS = "allaprima.commands"
"""Group of entry points by which others bring commands: functions of the arguments after the command, to an exit status."""


def main(argv: list[str] | None = None) -> int:
    """Run a command line; the exit status."""
    argv = sys.argv[1:] if argv is None else argv
    plugins = {plugin.name: plugin for plugin in entry_points(group=PLUGINS)}
    if argv and argv[0] in plugins:
        _hear_interrupts()
        return int(plugins[argv[0]].load()(argv[1:]))
    parser = argparse.ArgumentParser(prog="allaprima", description="Paint with diffusion, live.")
    parser.add_argument("--version", action="version", version=f"allaprima {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (command, what) in _COMMANDS.items():
        command.add(commands.add_parser(name, help=what))
    for name in plugins:
        commands.add_parser(name, help=f"see allaprima {name} --help", add_help=False)
    flags = vars(parser.parse_args(argv))
    command = _COMMANDS[flags.pop("command")][0]
    run: Callable[[dict[str, Any]], int] = command.run
    if command not in _SERVING:
        _hear_interrupts()
    try:
        return run(flags)
    except (SettingsError, UnknownStudent, BadStudent, EngineError) as error:
        print(f"allaprima: {error}", file=sys.stderr)
        return MISUSED
    except KeyboardInterrupt:  # before there was anything to end in order
        return INTERRUPTED
    except BrokenPipeError:  # of a list that was cut off, as by head
        return 0


def _hear_interrupts() -> None:
    """Have an interrupt raise KeyboardInterrupt again, so that what is half done is tidied up."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
