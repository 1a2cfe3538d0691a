"""Cutting off: what it does where there is a way, and where there is none."""

from server.transport import cut_off


def test_without_a_way() -> None:
    """On a server without the extension nothing happens."""
    cut_off({"type": "websocket"})
    cut_off({"type": "websocket", "extensions": {}})


def test_with_a_way() -> None:
    """The connection is aborted."""
    aborted: list[int] = []
    cut_off({"type": "websocket", "extensions": {"allaprima.cut_off": {"abort": lambda: aborted.append(1)}}})
    assert aborted == [1]
