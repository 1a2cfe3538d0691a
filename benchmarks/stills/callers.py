"""Callers of the REST API: each asks again when it has its image. Bytes are made ahead, and little is parsed."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

from ..serving import HOST

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_TIMINGS = re.compile(rb'"timings":(\[.*?\])')


class CallFailed(Exception):
    """An answer that was no image; the text is what it said."""


@dataclass
class Calls:
    """What callers got: seconds of each call, of its tick, and of its other stages within the server."""

    total: list[float] = field(default_factory=list)
    engine: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=lambda: {"wait": [], "decode": [], "encode": []})

    def add(self, seconds: float, timings: dict[str, Any]) -> None:
        self.total.append(seconds)
        self.engine.append(timings["engine"])
        for name, values in self.stages.items():
            values.append(timings[name])

    def beside_the_tick(self) -> list[float]:
        return [total - engine for total, engine in zip(self.total, self.engine, strict=True)]


def request(**asked: Any) -> bytes:
    """The bytes of a call."""
    body = json.dumps(asked).encode()
    head = (
        f"POST /v1/images/generations HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    return f"{head}\r\n\r\n".encode() + body


async def call(port: int, callers: int, seconds: float, warmup: float, **asked: Any) -> Calls:
    """So many callers for so long; what came within the measured time, which begins after `warmup`. Raises CallFailed."""
    begin = time.perf_counter() + warmup
    calls = Calls()
    async with asyncio.TaskGroup() as group:
        for index in range(callers):
            group.create_task(_caller(port, request(**asked, seed=index), begin, begin + seconds, calls))
    return calls


async def _caller(port: int, asking: bytes, begin: float, end: float, calls: Calls) -> None:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        while (sent := time.perf_counter()) < end:
            writer.write(asking)
            body = await _answer(reader)
            now = time.perf_counter()
            if begin <= now < end:
                calls.add(now - sent, _timings(body))
    finally:
        writer.close()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer. Raises CallFailed if it says no."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    body = await reader.readexactly(int(length[1])) if length else b""
    if b" 200 " not in head.partition(b"\r\n")[0]:
        raise CallFailed(body.decode(errors="replace")[:400])
    return body


def _timings(body: bytes) -> dict[str, Any]:
    found = _TIMINGS.search(body)
    assert found is not None
    timings: dict[str, Any] = json.loads(found[1])[0]
    return timings
