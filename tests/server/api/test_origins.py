"""Hosts and origins: which names are ours, and whose pages may come in."""

import socket

import pytest

from server.api.origins import Hosts, Origins, hostname

OURS = (
    *("localhost", "LOCALHOST:8000", "localhost.", "a.localhost:1", "127.0.0.1", "127.0.0.1:8000", "[::1]", "[::1]:8000"),
    *("192.168.1.5:8000", "10.0.0.1", "[2001:db8::1]:80", "paint.example", "paint.example:8000", "a.b.wild.example"),
)
OTHERS = (
    *("evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost"),
    *("wild.example", "xwild.example", ":8000", "evil.example:80:80", "user@localhost", "localhost/evil", "localhost?x"),
    *("localhost#x", "[::1", "[evil.example]", "localhost:x", "1.2.3", "", " ", "local host", "x" * 3000),
)


@pytest.mark.parametrize("host", OURS)
def test_our_names(host: str) -> None:
    """Localhost, addresses, the bound name and stated ones, in any case and with any port."""
    assert Hosts("Paint.example", ["*.wild.example"]).allow(host)


@pytest.mark.parametrize("host", OTHERS)
def test_names_that_are_not_ours(host: str) -> None:
    """A name that anybody can have, or that is none, is not ours."""
    assert not Hosts("0.0.0.0", ["*.wild.example"]).allow(host)


def test_more_names() -> None:
    """This machine's own name is ours; without a Host no browser asks; a star is any name."""
    hosts = Hosts("127.0.0.1", [])
    assert hosts.allow(socket.gethostname())
    assert hosts.allow(None)
    assert not hosts.allow("paint.example")
    assert Hosts("127.0.0.1", ["*"]).allow("paint.example")


def test_hostname() -> None:
    """The name of an authority, without port and last dot."""
    assert [hostname(header) for header in ("A.b:1", "[::1]:8", "a.", "a@b", "")] == ["a.b", "::1", "a", None, None]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "localhost:8000"),
        ("http://localhost:8000", "localhost:8000"),
        ("http://LOCALHOST:8000", "localhost:8000"),
        ("https://paint.example", "paint.example"),
        ("https://paint.example", "paint.example:443"),
        ("http://paint.example", "paint.example:80"),
        ("http://[::1]:8000", "[::1]:8000"),
        ("https://friend.example", "localhost:8000"),
        ("null", "localhost:8000"),
    ],
)
def test_pages_that_may(origin: str | None, host: str) -> None:
    """Our own page, with or without a proxy that ends TLS, and those that were stated."""
    assert Origins(["https://friend.example/", "null"]).allow(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://evil.example", "localhost:8000"),
        ("http://localhost:8001", "localhost:8000"),
        ("http://localhost", "localhost:8000"),
        ("http://localhost.evil.example:8000", "localhost:8000"),
        ("http://friend.example", "localhost:8000"),
        ("https://friend.example:444", "localhost:8000"),
        ("null", "localhost:8000"),
        ("", "localhost:8000"),
        ("http://", "localhost:8000"),
        ("localhost:8000", "localhost:8000"),
        ("http://localhost:x", "localhost:8000"),
        ("http://localhost:8000", None),
        ("file://", "localhost:8000"),
    ],
)
def test_pages_that_may_not(origin: str, host: str | None) -> None:
    """Another name, port or scheme, and what is no origin, is another's page."""
    assert not Origins(["https://friend.example"]).allow(origin, host)


def test_any_page() -> None:
    """A star is any page."""
    assert Origins(["*"]).allow("http://evil.example", "localhost")
