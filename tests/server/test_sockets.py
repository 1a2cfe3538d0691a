"""Where a server listens: at once, at every address of its host, or at none; and how many connections it has room for."""

import resource
import socket

import pytest

from server.settings import load_settings
from server.sockets import RESERVED, PortTaken, listen, room_for


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


def _limits(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, may_raise: bool = True) -> list[tuple[int, int]]:
    wanted: list[tuple[int, int]] = []

    def raise_it(which: int, limits: tuple[int, int]) -> None:
        if not may_raise:
            raise PermissionError
        wanted.append(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", raise_it)
    return wanted


def test_enough_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are enough, nothing is changed."""
    assert _limits(monkeypatch, 1024, 4096) == []
    assert room_for(512) == 512
    _limits(monkeypatch, resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert room_for(512) == 512


def test_more_may_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too few, as many are asked for as are needed and may be had."""
    wanted = _limits(monkeypatch, 256, 4096)
    assert room_for(512) == 512
    assert wanted == [(512 + RESERVED, 4096)]
    wanted = _limits(monkeypatch, 256, 400)
    assert room_for(512) == 400 - RESERVED
    assert wanted == [(400, 400)]


def test_too_few(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where no more may be had, there is room for fewer connections, and the log says so."""
    _limits(monkeypatch, 256, 256, may_raise=False)
    assert room_for(512) == 256 - RESERVED
    assert "room for 192 connections and not 512" in caplog.text
