"""The sockets that a server listens on, and how many more this process may open."""

import logging
import os
import socket

from .settings import Settings

log = logging.getLogger(__name__)

_BACKLOG = 2048

RESERVED = 64
"""Descriptors that are no connections: files, pipes, the engine's, and a few to spare."""


class PortTaken(OSError):
    """There is no listening at this address; the text says why."""


def listen(settings: Settings, setting: str = "port") -> list[socket.socket]:
    """Sockets that listen at every address of the host, at the port that this setting has. Raises PortTaken."""
    host, port, sockets = settings.host, int(getattr(settings, setting)), list[socket.socket]()
    try:
        known = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(known):
            sockets.append(socket.socket(family, kind, protocol))
            _bind(sockets[-1], address)
    except OSError as error:
        for one in sockets:
            one.close()
        why, flag = (error.strerror or str(error)).lower(), "--" + setting.replace("_", "-")
        raise PortTaken(f"cannot listen on {host}:{port}: {why}; choose another with --host and {flag}") from error
    return sockets


def _bind(listener: socket.socket, address: tuple[object, ...]) -> None:
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if listener.family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(address)
    listener.listen(_BACKLOG)  # or a second server could bind the same port until this one serves
    listener.setblocking(False)


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
