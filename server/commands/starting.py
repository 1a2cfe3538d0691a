"""What commands that serve begin with: settings, logs, students and how their engines are made, a port."""

import logging
import socket
import sys
from typing import Any

from engines.engine import Engine
from engines.errors import EngineError
from engines.factory import check_engine, make_engine
from engines.options import ENGINES
from engines.prepare import chosen, prepare
from engines.say import Say
from engines.student import Student
from engines.students import load_student
from engines.upscalers.prepare import check_upscaler

from ..logs import configure
from ..settings import Settings, load_settings
from ..sockets import PortTaken, listen
from ..worker import MakeEngine

log = logging.getLogger(__name__)

FAILED = 1


def begin(flags: dict[str, Any]) -> Settings:
    """The settings, with logs as they say. Raises SettingsError."""
    settings = load_settings(flags)
    configure(settings.log_level, settings.log_format)
    return settings


def students(settings: Settings) -> list[Student]:
    """Those to serve. Raises UnknownStudent, BadStudent, EngineError."""
    return [chosen(load_student(name, settings.folders()), settings.choices()) for name in settings.student]


def makers(settings: Settings) -> list[tuple[Student, MakeEngine]]:
    """The students to serve, and how their engines are made. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    if (said := settings.prepare_cache()) is not None:
        log.warning(said)
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

    served = students(settings)
    if settings.engine != "fake":
        for student in served:
            check_upscaler(student)
    return [(student, maker(student)) for student in served]


def bind(settings: Settings, port: str = "port") -> list[socket.socket] | None:
    """Sockets that listen where the settings say, before anything is built, which may take minutes; None, said, if none can."""
    try:
        return listen(settings, port)
    except PortTaken as error:
        print(f"allaprima: {error}", file=sys.stderr)
        return None
