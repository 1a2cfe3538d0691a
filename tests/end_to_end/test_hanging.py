"""An engine that hangs is noticed: who waits is answered, readiness says why, and the process ends with status 1."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest

PATH = "/v1/images/generations"
PROGRAM = (str(Path(__file__).with_name("hanging.py")),)
LONG = 100.0
"""Seconds that nothing here takes, on a machine however busy, unless it takes for ever."""
BUSY = 5.0
"""Seconds by which a busy machine may be late."""


def _start(start: Any, hang: str, *flags: str, **more: Any) -> Any:
    return start("--engine", "fake", "--batch-sizes", "1", *flags, program=PROGRAM, HANG=hang, **more)


async def _readiness(http: Any, status: int) -> Any:
    """What readiness says when it becomes this."""
    for _ in range(int(LONG / 0.05)):
        if (response := await http.get("/readyz")).status_code == status:
            return response.json()
        await asyncio.sleep(0.05)
    pytest.fail(f"/readyz did not become {status}")


async def _says(server: Any, words: str) -> None:
    """Wait until this is in the log."""
    for _ in range(int(LONG / 0.05)):
        if words in server.said():
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{words!r} was not said")


@pytest.mark.parametrize("where", ["tick", "text"])
async def test_noticed(start: Any, where: str, encoded: Any) -> None:
    """Whoever waits is answered, for the job that hangs and for those behind it, and the process ends with status 1."""
    server = _start(start, where, "--stuck-ticks", "2", "--stuck-seconds", "3", "--grace", "1")
    async with asyncio.timeout(LONG), server.http() as http, server.live() as user:
        await user.params(similarity=None)
        asking = [asyncio.ensure_future(http.post(PATH, json={"prompt": "hang"}))]
        await server.metric_becomes(1, "allaprima_jobs_in_flight")
        asking += [asyncio.ensure_future(http.post(PATH, json={"prompt": "behind"})) for _ in range(3)]
        await user.frame(1, encoded())
        reason = (await _readiness(http, 503))["reason"]
        assert "the engine hangs" in reason
        assert ("text encoder" if where == "text" else "a tick") in reason
        codes = {response.json()["error"]["code"] for response in await asyncio.gather(*asking)}
        assert codes == {"engine_stuck"}
        assert (await user.next())["code"] in ("engine_stuck", "late")
        assert (await http.get("/healthz")).status_code == 200
        refused = await http.post(PATH, json={"prompt": "later"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "not_ready")
    assert await asyncio.to_thread(server.process.wait, LONG) == 1
    assert "the engine hangs" in server.said()
    assert "Traceback" not in server.said()


async def test_back(start: Any) -> None:
    """An engine that comes back in time is taken back: the server is ready again, and paints."""
    server = _start(start, "tick", "--stuck-ticks", "2", "--stuck-seconds", "2", HANG_SECONDS="3")
    async with asyncio.timeout(LONG), server.http() as http:
        stuck = await http.post(PATH, json={"prompt": "hang"})
        assert stuck.json()["error"]["code"] == "engine_stuck"
        await _readiness(http, 200)
        assert (await http.post(PATH, json={"prompt": "a boat"})).status_code == 200
    assert "the engine is back" in server.said()
    assert server.stop() == 0


@pytest.mark.parametrize(("where", "flag"), [("make", "--build-limit"), ("warm up", "--warm-up-limit")])
async def test_a_start_that_hangs(start: Any, where: str, flag: str) -> None:
    """A start that takes longer than it may ends the process, with the reason and status 1."""
    server = _start(start, where, flag, "1", ready=False)
    assert await asyncio.to_thread(server.process.wait, LONG) == 1
    assert "the engine hangs" in server.said()
    assert ("warming up" if where == "warm up" else "making the engine of embedded") in server.said()
    assert "Traceback" not in server.said()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("where", ["make", "warm up", "tick", "text"])
async def test_stopped_while_it_hangs(start: Any, where: str, how: signal.Signals) -> None:
    """Told to stop, it ends in its time, wherever the engine hangs, and who waits is answered."""
    server = _start(start, where, "--grace", "1", ready=where in ("tick", "text"))
    asking = None
    async with asyncio.timeout(LONG), server.http() as http:
        if where in ("tick", "text"):
            asking = asyncio.ensure_future(http.post(PATH, json={"prompt": "hang"}))
            await server.metric_becomes(1, "allaprima_jobs_in_flight")
        else:
            await _says(server, "listening on")
        began = time.monotonic()
        server.process.send_signal(how)
        assert await asyncio.to_thread(server.process.wait, LONG) == 0
        took = time.monotonic() - began
        assert took < 1 + 2 + BUSY
        if asking is not None:
            assert (await asking).json()["error"]["code"] == "shutting_down"
    assert "Traceback" not in server.said()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal(start: Any, how: signal.Signals) -> None:
    """A second signal ends it at once, however long its grace is."""
    server = _start(start, "tick", "--grace", "600")
    async with asyncio.timeout(LONG), server.http() as http:
        asking = asyncio.ensure_future(http.post(PATH, json={"prompt": "hang"}))
        await server.metric_becomes(1, "allaprima_jobs_in_flight")
        server.process.send_signal(how)
        await asyncio.sleep(0.5)
        assert server.process.poll() is None
        server.process.send_signal(how)
        assert await asyncio.to_thread(server.process.wait, LONG) == 128 + how
        asking.cancel()
