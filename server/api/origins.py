"""Which names this server goes by, and whose pages may talk to it. A browser tells both, and a page cannot change them."""

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

ANY = "*"
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Hosts:
    """Names by which this server may be asked for.

    A page of anybody's can have its own name point here, and is then of the same origin as we are. So names are taken that
    nobody else can have: addresses, which no one can point elsewhere, localhost, the machine's own name, the one that was
    bound, and those that the operator states (`*.example.com` for all below it, `*` for any).
    """

    def __init__(self, bound: str, allowed: Sequence[str]) -> None:
        own = socket.gethostname().lower()
        names = {"localhost", bound.lower(), own, f"{own}.local", *(name.lower() for name in allowed)}
        self._any = ANY in names
        self._names = {name for name in names if not name.startswith("*")}
        self._endings = (".localhost", *(name[1:] for name in names if name.startswith("*.")))

    def allow(self, header: str | None) -> bool:
        """Whether a Host header is one of ours. Without one (HTTP/1.0) no browser is asking."""
        if self._any or header is None:
            return True
        name = hostname(header)
        return name is not None and (name in self._names or name.endswith(self._endings) or _is_address(name))


def hostname(header: str) -> str | None:
    """The name in a Host header or an authority, in lower case and without its port; None where it has none."""
    try:
        parts = urlsplit(f"//{header}")
        if parts.path or parts.query or parts.fragment or parts.username is not None or parts.port == 0:
            return None
        return (parts.hostname or "").rstrip(".") or None
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


class Origins:
    """Pages that may talk to this server: its own, and those that the operator states."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self._any = ANY in allowed
        self._allowed = {origin.rstrip("/").lower() for origin in allowed}

    def allow(self, origin: str | None, host: str | None) -> bool:
        """Whether a page of that origin may; None is no page. `host` is the Host header, found to be ours.

        The scheme is not compared: behind a proxy that ends TLS, ours is not the browser's.
        """
        if self._any or origin is None or origin.lower() in self._allowed:
            return True
        return host is not None and _authority(origin) == _authority(f"{origin.partition('://')[0]}://{host}") is not None


def _authority(origin: str) -> tuple[str, int] | None:
    """Name and port of an origin; None where it has none, as `null` has not."""
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
