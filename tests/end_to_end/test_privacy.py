"""What people ask for is told to nobody who runs the server: it is in no line of the log, no span and no metric."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import msgpack
import pytest
from websockets.asyncio.client import connect

pytest.importorskip("opentelemetry.sdk", reason="the extra otel is not installed")

from .collector import Collector

WORDS = ("zeppelin", "quokka")
BOTH = " ".join(WORDS)
PROMPTS = (
    BOTH,
    f"fake:error {BOTH}",
    f"fake:crash {BOTH}",
    f"{BOTH} " * 40,
    f"<lora:{WORDS[0]}:1> {WORDS[1]}",
    "\0".join(WORDS),
)
"""They are painted, fail alone and with their tick, are too long, and hold what is no text for people."""
OPENAI, A1111 = "/v1/images/generations", "/sdapi/v1/txt2img"
ASKED: tuple[dict[str, Any], ...] = (
    *({"prompt": prompt} for prompt in PROMPTS),
    {"prompt": {WORDS[0]: WORDS[1]}},
    {"prompt": "x", "negative_prompt": BOTH},
    {"prompt": BOTH, "size": "1x1"},
    {"prompt": BOTH, "seed": "many"},
)
"""Of the last ones, something else is wrong."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of its own."""
    collector = Collector()
    yield collector
    collector.close()


async def _by_rest(server: Any) -> set[int]:
    statuses = set()
    for path in (OPENAI, A1111):
        async with server.http(headers={"Authorization": f"Bearer {path}"}) as http:
            for asked in ASKED:
                statuses.add((await http.post(path, json=asked)).status_code)
            json_type = {"Content-Type": "application/json"}
            cut_off = await http.post(path, content=f'{{"prompt": "{BOTH}', headers=json_type)
            as_form = await http.post(path, data={"prompt": BOTH})
            statuses |= {cut_off.status_code, as_form.status_code}
    return statuses


async def _live(server: Any, image: bytes) -> None:
    key = {"additional_headers": {"Authorization": "Bearer live"}}
    async with server.live(**key) as user:
        await user.params(similarity=None)
        for number, asked in enumerate(ASKED):
            await user.params(**asked)
            await user.paint(number, image)
        await user.params(prompt=[{"text": BOTH, "weight": -1}])
        await user.text(f'{{"type": "params", "prompt": "{BOTH}')
        assert (await user.next())["code"] == "bad_json"


async def _by_fal(server: Any) -> None:
    url = f"ws://127.0.0.1:{server.port}/me/embedded/realtime"
    async with connect(url, additional_headers={"Authorization": "Key fal"}, proxy=None, max_size=None) as socket:
        for asked in ASKED:
            await socket.send(msgpack.packb(asked))
            await asyncio.wait_for(socket.recv(), 30)
        await socket.send(BOTH)
        assert "x-fal-error" in str(await asyncio.wait_for(socket.recv(), 30))


async def test_no_prompt_is_told(start: Any, encoded: Any, collector: Collector) -> None:
    """By any API, whatever becomes of the image, at any log level."""
    keys = ",".join((OPENAI, A1111, "live", "fal"))  # each an owner, since of one not every line is written
    flags = ("--api-keys", keys, "--public", "metrics", "--max-prompt", "200", "--log-level", "debug", "--log-format", "json")
    server = start("--engine", "fake", "--traces", collector.url, *flags)
    assert {200, 400, 415, 500} == await _by_rest(server)
    await _live(server, encoded())
    await _by_fal(server)
    metrics = server.metrics()
    assert await asyncio.to_thread(server.stop) == 0
    log = [json.loads(line) for line in server.said().splitlines()]
    assert {"refused", "a job failed", "session ended"} <= {line["message"] for line in log}
    assert {"session", "job", "tick"} == {span.name for span in collector.spans}
    for told in (metrics, server.said(), str(collector.spans)):
        assert [word for word in WORDS if word in told.lower()] == []
