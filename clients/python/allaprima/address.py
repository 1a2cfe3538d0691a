"""Where a server is: one address, from which those of its stream and of its REST API follow."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

STREAM = "/v1/stream"
_WEBSOCKET = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_HTTP = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


class BadAddress(ValueError):
    """What was given is no address of a server; the text says what one looks like."""


def stream_url(url: str, student: str | None = None, resume: str | None = None) -> str:
    """The address of a live stream. Raises BadAddress.

    `url` is the server's own address (`http://host:8000`, with the path that a proxy has put it under, if any), or already
    that of its stream. What it asks by its query is kept.
    """
    scheme, host, path, query = _parts(url)
    asked = dict(parse_qsl(query))
    asked |= {name: value for name, value in (("student", student), ("resume", resume)) if value is not None}
    return urlunsplit((_WEBSOCKET[scheme], host, path + STREAM, urlencode(asked), ""))


def rest_url(url: str, path: str) -> str:
    """The address of `path`, which begins with a slash, at the same server. Raises BadAddress."""
    scheme, host, prefix, _ = _parts(url)
    return urlunsplit((_HTTP[scheme], host, prefix + path, "", ""))


def _parts(url: str) -> tuple[str, str, str, str]:
    """Scheme, host, the path that the server is under, and the query."""
    if "://" not in url:
        url = f"http://{url}"
    parts = urlsplit(url)
    if parts.scheme not in _HTTP or not parts.netloc:
        raise BadAddress(f"{url!r} is no address of a server: give one such as http://127.0.0.1:8000")
    path = parts.path.rstrip("/").removesuffix("/stream").removesuffix("/v1")
    return parts.scheme, parts.netloc, path.rstrip("/"), parts.query
