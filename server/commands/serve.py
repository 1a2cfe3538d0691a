"""allaprima serve: the server, and the one place where its parts are put together."""

import argparse
import logging
import socket
import sys
from typing import Any

from engines.engine import Engine
from engines.errors import EngineError
from engines.factory import check_engine, make_engine
from engines.options import ENGINES
from engines.prepare import prepare, sized
from engines.say import Say
from engines.student import Student
from engines.students import load_student

from ..app import make_app
from ..logs import configure
from ..process import ServerProcess
from ..server import build_server
from ..settings import Settings, add_flags, load_settings
from ..sockets import PortTaken, listen
from ..uvicorn_config import make_guard, uvicorn_config
from ..worker import MakeEngine

log = logging.getLogger(__name__)

FAILED = 1


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Start the server. Each flag may also be set by environment."
    add_flags(parser)


def run(flags: dict[str, Any]) -> int:
    """Serve until told to stop; the exit status. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    settings = load_settings(flags)
    configure(settings.log_level, settings.log_format)
    if (said := settings.prepare_cache()) is not None:
        log.warning(said)
    students = _students(settings)
    try:
        sockets = listen(settings)  # before anything is built, which may take minutes
    except PortTaken as error:
        print(f"allaprima: {error}", file=sys.stderr)
        return FAILED
    return _serve(settings, students, sockets)


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
            return make_engine(
                settings.engine, ready, settings.sizes_for(student), settings.engine_options(), cache=settings.cache,
                device=settings.gpu(), prebuilt=settings.prebuilt, say=say,
            )  # fmt: skip

        return make

    students = [sized(load_student(name, settings.folders()), settings.choices()) for name in settings.student]
    return [(student, maker(student)) for student in students]


def _serve(settings: Settings, students: list[tuple[Student, MakeEngine]], sockets: list[socket.socket]) -> int:
    server = build_server(settings, students, on_failed=lambda: process.stop())
    guard = make_guard(settings, server.metrics)
    process = ServerProcess(uvicorn_config(make_app(server), settings, guard), server, guard)
    return process.serve_until_stopped(sockets)
