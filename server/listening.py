"""How connections are taken: uvicorn's configuration, with our protocols and their guard."""

import logging
from functools import partial
from typing import Any

import uvicorn

from .metrics import Metrics
from .refusals import turn_away
from .settings import Settings
from .transport import Guard, HttpProtocol, Limits, LiveProtocol
from .types import Refusal

log = logging.getLogger(__name__)

RESERVED = 64
"""Descriptors that are no connections: files, pipes, the engine's, and a few to spare."""


def make_guard(settings: Settings, metrics: Metrics) -> Guard:
    """The guard of a server's connections."""

    def report(reason: Refusal, why: str, address: str | None) -> None:
        turn_away(metrics, reason, why, api="http", where="", client=address)

    limits = Limits(
        connections=room_for(settings.max_connections),
        per_owner=settings.max_connections_per_address,
        header_seconds=settings.header_seconds,
        message_seconds=settings.body_seconds,
        stall_seconds=settings.stall_seconds,
    )
    return Guard(limits, report, settings.is_proxy)


def room_for(wanted: int) -> int:
    """How many connections there are descriptors for, at most `wanted`; the limit of descriptors is raised where it may be."""
    try:
        import resource
    except ImportError:  # not on Windows
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted + RESERVED:
        most = wanted + RESERVED if hard == resource.RLIM_INFINITY else min(hard, wanted + RESERVED)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
        except (OSError, ValueError):
            pass  # as it was
    room = wanted if soft == resource.RLIM_INFINITY else max(8, min(wanted, soft - RESERVED))
    if room < wanted:
        log.warning("room for %d connections and not %d: this process may have %d descriptors (ulimit -n)", room, wanted, soft)
    return room


def listening(app: Any, settings: Settings, metrics: Metrics) -> uvicorn.Config:
    """What uvicorn is told to serve this app. Where it listens, and when it ends, is `running`'s."""
    guard = make_guard(settings, metrics)
    http: Any = partial(HttpProtocol, guard=guard)
    live: Any = partial(LiveProtocol, guard=guard)
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        http=http,
        ws=live,
        ws_max_size=settings.max_message,
        ws_per_message_deflate=False,  # frames are compressed already
        proxy_headers=bool(settings.proxies),
        forwarded_allow_ips=list(settings.proxies),
        timeout_keep_alive=settings.keep_alive,
        server_header=False,
    )
