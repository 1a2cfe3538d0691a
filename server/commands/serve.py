"""allaprima serve: the server, and the one place where its parts are put together."""

import argparse
import asyncio
import logging
import socket
import sys
from typing import Any

import uvicorn

from engines.engine import Engine
from engines.errors import EngineError
from engines.factory import ENGINES, check_engine, make_engine
from engines.prepare import prepare, sized
from engines.say import Say
from engines.student import Student
from engines.students import load_student

from ..app import make_app
from ..listening import listening
from ..logs import configure
from ..server import Server, build_server
from ..settings import Settings, add_flags, load_settings
from ..worker import MakeEngine

FAILED = 1


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start the server. Each flag may also be set by environment."
    add_flags(parser)


def run(flags: dict[str, Any]) -> int:
    """Serve until told to stop; the exit status. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    settings = load_settings(flags)
    configure(settings.log_level, settings.log_format)
    return _serve(settings)


def _students(settings: Settings) -> list[tuple[Student, MakeEngine]]:
    if settings.engine not in ENGINES:
        raise EngineError(f"no engine named {settings.engine!r}; there are: {', '.join(ENGINES)}")

    def maker(student: Student) -> MakeEngine:
        def make(say: Say) -> Engine:
            ready = student
            if settings.engine != "fake":
                check_engine(settings.engine, settings.gpu())
                ready = prepare(student, settings.cache, settings.choices(), say)
                say(f"compiling {student.name} for {settings.engine}")
            return make_engine(settings.engine, ready, settings.sizes_for(student), say, **settings.engine_options())

        return make

    students = [sized(load_student(name, settings.folders()), settings.choices()) for name in settings.student]
    return [(student, maker(student)) for student in students]


class _Listener(uvicorn.Server):
    """uvicorn's server, which says where it listens once it does, and gives what is in flight `grace` seconds at the end."""

    def __init__(self, config: uvicorn.Config, server: Server) -> None:
        super().__init__(config)
        self._server = server

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for serving in self.servers if self.started else ():
            for one in serving.sockets:
                host, port = one.getsockname()[:2]
                logging.getLogger(__name__).info("listening on http://%s:%d", host, port)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        over = asyncio.create_task(self._end_grace())
        await super().shutdown(sockets)
        over.cancel()
        self._captured_signals.clear()  # uvicorn would raise them again: but a stop that was asked for is a success

    async def _end_grace(self) -> None:
        # uvicorn would cut off who still waits; the server answers them first
        await asyncio.sleep(self._server.settings.grace)
        await asyncio.to_thread(self._server.shut)


def _serve(settings: Settings) -> int:
    def stop() -> None:
        listener.should_exit = True

    server = build_server(settings, _students(settings), on_failed=stop)
    listener = _Listener(listening(make_app(server), settings, server.metrics), server)
    try:
        listener.run()
    except SystemExit:  # uvicorn has said why it cannot listen
        return FAILED
    if server.error():
        print(f"allaprima: {server.error()}", file=sys.stderr)
        return FAILED
    return 0 if listener.started else FAILED
