"""allaprima serve: the server, and the one place where its parts are put together."""

import argparse
from collections.abc import Callable
from typing import Any

from ..app import make_app
from ..process import ServerProcess
from ..server import Server, build_front, build_server
from ..settings import Settings, SettingsError, add_flags, flags_of
from ..uvicorn_config import make_guard, uvicorn_config
from .starting import FAILED, begin, bind, makers, students


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start the server; with --queue, a front end for workers elsewhere. Each flag may also be set by environment."
    )
    add_flags(parser, [name for name in flags_of() if name != "worker_port"])


def run(flags: dict[str, Any]) -> int:
    """Serve until told to stop; the exit status. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    settings = begin(flags)
    if settings.queue is not None:
        _refuse_engines(flags)
        asked = students(settings)
        return _serve(settings, lambda failed: build_front(settings, asked, failed))
    made = makers(settings)
    return _serve(settings, lambda failed: build_server(settings, made, failed))


def _serve(settings: Settings, build: Callable[[Callable[[], None]], Server]) -> int:
    if (sockets := bind(settings)) is None:
        return FAILED
    server = build(lambda: process.stop())
    guard = make_guard(settings, server.metrics)
    process = ServerProcess(uvicorn_config(make_app(server), settings, guard), server, guard)
    return process.serve_until_stopped(sockets)


def _refuse_engines(flags: dict[str, Any]) -> None:
    """Raises SettingsError if a front end is told how to paint. (An environment may be one for all.)"""
    if wrong := sorted(set(flags) - set(flags_of(worker=False))):
        named = ", ".join("--" + name.replace("_", "-") for name in wrong)
        raise SettingsError(f"with --queue this is a front end, which does not paint: give {named} to allaprima worker")
