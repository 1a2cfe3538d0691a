"""Requests at a pace: one who asks without pause waits, and nobody else does."""

from typing import Any

import pytest

from server.api.pace import BURST, Pace


async def _ask(app: Pace, address: str | None, times: int = 1) -> None:
    for _ in range(times):
        await app({"type": "http", "client": (address, 1) if address else None}, None, None)  # type: ignore[arg-type]


async def test_one_who_asks_without_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst is answered at once, then each waits; another address does not, nor does a live connection."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    monkeypatch.setattr("server.api.pace.asyncio.sleep", sleep)
    paced = Pace(app)
    await _ask(paced, "192.0.2.1", int(BURST))
    assert waited == []
    await _ask(paced, "192.0.2.1", 500)
    assert len(waited) > 300
    so_far = len(waited)
    await _ask(paced, "192.0.2.2")
    await _ask(paced, None)
    await paced({"type": "websocket", "client": ("192.0.2.1", 1)}, None, None)  # type: ignore[arg-type]
    assert len(waited) == so_far
    for number in range(5000):
        await _ask(paced, f"2001:db8:0:{number:x}::1")
    assert len(paced._buckets) <= 1024
