"""An app in this process, over a server whose worker need not have started."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from engines.fake_engine import FakeEngine
from engines.student import Student
from server.app import make_app
from server.server import Server, build_server
from server.settings import load_settings


@asynccontextmanager
async def _parts(student: Student, flags: dict[str, str]) -> AsyncIterator[Server]:
    server = build_server(load_settings({"engine": "fake", **flags}), [(student, lambda say: FakeEngine(student))])
    yield server
    await asyncio.to_thread(server.shut)


@pytest.fixture
async def make(student: Student) -> AsyncIterator[Callable[..., Any]]:
    """`app, server = await make(flag="value")`."""
    async with AsyncExitStack() as stack:

        async def build(**flags: str) -> tuple[FastAPI, Server]:
            server = await stack.enter_async_context(_parts(student, flags))
            return make_app(server), server

        yield build


def client(app: Any, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", **options)


def refusals(server: Server, reason: str) -> float | None:
    return server.metrics.registry.get_sample_value("allaprima_refusals_total", {"reason": reason})
