"""One address of a server gives those of its stream and of its REST API."""

import pytest
from allaprima.address import BadAddress, rest_url, stream_url


@pytest.mark.parametrize(
    ("given", "stream", "rest"),
    [
        ("ws://host:1", "ws://host:1/v1/stream", "http://host:1/x"),
        ("http://host/", "ws://host/v1/stream", "http://host/x"),
        ("https://host", "wss://host/v1/stream", "https://host/x"),
        ("host:8000", "ws://host:8000/v1/stream", "http://host:8000/x"),
        ("https://host/paint/", "wss://host/paint/v1/stream", "https://host/paint/x"),
        ("http://host/v1", "ws://host/v1/stream", "http://host/x"),
        ("wss://host/paint/v1/stream?student=other", "wss://host/paint/v1/stream?student=other", "https://host/paint/x"),
    ],
)
def test_addresses(given: str, stream: str, rest: str) -> None:
    """A server may be named by its host, its base, its API's base or its stream, under a proxy's path or not."""
    assert stream_url(given) == stream
    assert rest_url(given, "/x") == rest


def test_address_options() -> None:
    """Student and session join the query."""
    assert stream_url("ws://h", "embedded", "abc") == "ws://h/v1/stream?student=embedded&resume=abc"


@pytest.mark.parametrize("given", ["ftp://host", "http://", "://x", ""])
def test_what_is_no_address(given: str) -> None:
    """What is no address is refused with one that is."""
    with pytest.raises(BadAddress, match="such as http"):
        stream_url(given)
