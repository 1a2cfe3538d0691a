"""How connections are taken: uvicorn's configuration, with our protocols and their guard."""

from functools import partial
from typing import Any

import uvicorn

from .metrics import Metrics
from .refusals import turn_away
from .settings import Settings
from .sockets import room_for
from .transport import Guard, HttpProtocol, Limits, LiveProtocol
from .types import Refusal


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


def uvicorn_config(app: Any, settings: Settings, guard: Guard) -> uvicorn.Config:
    """What uvicorn is told to serve this app. Where it listens is `sockets`', and when it ends `process`'s."""
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
