"""The command `allaprima`, and the one place where things are put together."""

import argparse
import asyncio
import logging
import math
import socket
import sys

import uvicorn

from engines.engine import EngineError
from engines.factory import ENGINES, make_engine
from engines.student import UnknownStudent, load_student

from . import __version__
from .app import make_app
from .house import House, build_house
from .settings import Settings, SettingsError, add_flags, load_settings
from .transport import StreamProtocol

FAILED = 1
MISUSED = 2
_LAST_ANSWERS = 3
"""Seconds beyond the grace for answers that nothing more will be painted."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="allaprima", description="Paint with diffusion, live.")
    parser.add_argument("--version", action="version", version=f"allaprima {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser(
        "serve", help="start the server", description="Start the server. Each flag may also be set by environment."
    )
    add_flags(serve)
    return parser


class _Server(uvicorn.Server):
    """uvicorn's server, which says where it listens once it does, and gives what is in flight `grace` seconds at the end."""

    def __init__(self, config: uvicorn.Config, house: House) -> None:
        super().__init__(config)
        self._house = house

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers if self.started else ():
            for listener in server.sockets:
                host, port = listener.getsockname()[:2]
                logging.getLogger(__name__).info("listening on http://%s:%d", host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        over = asyncio.create_task(self._end_grace())
        await super().shutdown(sockets)
        over.cancel()
        self._captured_signals.clear()  # uvicorn would raise them again: but a stop that was asked for is a success

    async def _end_grace(self) -> None:
        # uvicorn would cut off who still waits; the house answers them first
        await asyncio.sleep(self._house.settings.grace)
        await asyncio.to_thread(self._house.shut)


def serve(settings: Settings) -> int:
    """Run until told to stop; the exit status."""
    student = load_student(settings.student)
    if settings.engine not in ENGINES:
        raise EngineError(f"no engine named {settings.engine!r}; there are: {', '.join(ENGINES)}")

    def stop() -> None:
        server.should_exit = True

    house = build_house(
        settings,
        student,
        lambda: make_engine(settings.engine, student, settings.batch_sizes, **settings.engine_options()),
        on_failed=stop,
    )
    config = uvicorn.Config(
        make_app(house),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        ws=StreamProtocol,
        ws_max_size=settings.max_message,
        ws_per_message_deflate=False,  # frames are compressed already
        timeout_graceful_shutdown=math.ceil(settings.grace) + _LAST_ANSWERS,
        server_header=False,
    )
    server = _Server(config, house)
    try:
        server.run()
    except SystemExit:  # uvicorn has said why it cannot listen
        return FAILED
    if house.worker.error:
        print(f"allaprima: {house.worker.error}", file=sys.stderr)
        return FAILED
    return 0 if server.started else FAILED


def main(argv: list[str] | None = None) -> int:
    """Run a command line; the exit status."""
    flags = vars(_parser().parse_args(argv))
    flags.pop("command")
    try:
        settings = load_settings(flags)
        logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        logging.getLogger("uvicorn").setLevel(logging.WARNING)
        return serve(settings)
    except (SettingsError, UnknownStudent, EngineError) as error:
        print(f"allaprima: {error}", file=sys.stderr)
        return MISUSED


if __name__ == "__main__":
    sys.exit(main())
