"""allaprima worker: engines at work for front ends elsewhere, by a queue between them."""

import argparse
from typing import Any

from ..app import make_worker_app
from ..process import ServerProcess
from ..settings import add_flags, flags_of
from ..uvicorn_config import make_guard, uvicorn_config
from ..worker_server import build_worker_server
from .starting import FAILED, begin, bind, makers


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Paint for front ends that were started with the same --queue. Each flag may also be set by environment."
    )
    add_flags(parser, flags_of(front=False))


def run(flags: dict[str, Any]) -> int:
    """Work until told to stop; the exit status. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    settings = begin(flags)
    made = makers(settings)
    if (sockets := bind(settings, "worker_port")) is None:
        return FAILED
    workers = build_worker_server(settings, made, on_failed=lambda: process.stop())
    guard = make_guard(settings, workers.metrics)
    process = ServerProcess(uvicorn_config(make_worker_app(workers), settings, guard), workers, guard)
    return process.serve_until_stopped(sockets)
