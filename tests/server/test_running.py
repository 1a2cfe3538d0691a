"""Where a server listens: at once, at every address of its host, and at none where one is taken."""

import socket

import pytest

from server.running import PortTaken, listen
from server.settings import load_settings


def test_listening() -> None:
    """A socket that was given out takes connections already, though nobody answers yet; port 0 is a free one."""
    [listener] = listen(load_settings({"host": "127.0.0.1", "port": "0"}))
    with listener, socket.create_connection(listener.getsockname(), 5):
        assert listener.getsockname()[1] != 0


def test_taken() -> None:
    """A port that another listens at is said with what to do, even if that one has only begun; it is no trouble afterwards."""
    [first] = listen(load_settings({"host": "127.0.0.1", "port": "0"}))
    again = load_settings({"host": "127.0.0.1", "port": str(first.getsockname()[1])})
    with first, pytest.raises(PortTaken, match=r"address already in use; choose another with --host and --port"):
        listen(again)
    for one in listen(again):
        one.close()


@pytest.mark.parametrize("host", ["no.such.host.invalid", "203.0.113.7"])
def test_no_such_address(host: str) -> None:
    """A host that does not exist, or is not this machine, is said by its name."""
    with pytest.raises(PortTaken, match=f"cannot listen on {host}:0"):
        listen(load_settings({"host": host, "port": "0"}))


def test_both_families() -> None:
    """A name with an address of each family is listened at by both."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        [listener] = listen(load_settings({"host": "::1", "port": "0"}))
    except PortTaken:
        pytest.skip("this machine has no IPv6 address of its own")
    with listener:
        assert listener.family is socket.AF_INET6
