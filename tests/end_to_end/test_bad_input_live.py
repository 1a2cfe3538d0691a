"""Bad input on the live route: a clear error to that user, and the one beside it never notices."""

import asyncio
import json
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

IMAGE, REPEAT, DROPPED = 1, 2, 3


def _bomb(width: int = 20_000, height: int = 20_000) -> bytes:
    """A PNG of a few bytes that says it is 400 megapixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def _memory(pid: int) -> int:
    """Resident bytes of a process now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096


@asynccontextmanager
async def _undisturbed(server: Any, image: bytes) -> AsyncIterator[None]:
    """Another user streams meanwhile, and gets each of its images."""
    done = asyncio.Event()

    async def stream() -> int:
        async with server.live() as user:
            await user.params(similarity=None)
            number = 0
            while not done.is_set() or number < 5:
                answer = await user.paint(number, image)
                assert (answer.id, answer.kind) == (number, IMAGE)
                number += 1
        return number

    streaming = asyncio.ensure_future(stream())
    try:
        yield
    finally:
        done.set()
        assert await streaming >= 5


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("not json", "bad_json", "must be JSON"),
        ("", "bad_json", "must be JSON"),
        ('{"type":"params","seed":' + "1" * 5000 + "}", "bad_json", "must be JSON"),
        ("[" * 20_000, "bad_json", "must be JSON"),
        ("[1, 2]", "bad_message", "JSON object"),
        ('{"prompt":"no type"}', "bad_message", "type"),
        ('{"type":"hello"}', "bad_message", "params"),
        ('{"type":"params","colour":"red"}', "bad_params", "unknown key 'colour'"),
        ('{"type":"params","\\ud800":1}', "bad_params", "unicode"),
        ('{"type":"params","prompt":"\\ud800"}', "bad_params", "prompt"),
        ('{"type":"params","strength":1.5}', "bad_params", "strength"),
        ('{"type":"params","strength":NaN}', "bad_params", "strength"),
        ('{"type":"params","strength":"high"}', "bad_params", "strength"),
        ('{"type":"params","seed":-1}', "bad_params", "seed"),
        ('{"type":"params","quality":0}', "bad_params", "quality"),
        ('{"type":"params","format":"gif"}', "bad_params", "format"),
        ('{"type":"params","similarity":{"threshold":2}}', "bad_params", "similarity.threshold"),
        ('{"type":"params","transition":1e9}', "bad_params", "transition"),
        ('{"type":"params","negative_prompt":"ugly"}', "bad_params", "negative_prompt"),
        (json.dumps({"type": "params", "prompt": "x" * 10_000}), "bad_params", "10000 characters; the most taken here is 2000"),
        (json.dumps({"type": "params", "prompt": "x" * 3_000_000}), "bad_message", "too long"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
async def test_bad_text(server: Any, encoded: Any, text: str, code: str, says: str) -> None:
    """A text that cannot be is one error with its code; the params stay, and the connection goes on."""
    async with server.live() as user:
        await user.params(prompt="before")
        await user.text(text)
        error = await user.next()
        assert (error["type"], error["code"]) == ("error", code)
        assert says in error["message"]
        assert len(error["message"]) < 500
        answer = await user.paint(1, encoded())
        assert (answer.kind, answer.rev) == (IMAGE, 1)
        assert (await user.params())["prompt"] == "before"


@pytest.mark.parametrize("prompt", ["", "🐱🌊🏠" * 100, "море", "\x00\x01", "﷽" * 100, "fake-free " * 200])
async def test_odd_prompts(server: Any, encoded: Any, prompt: str) -> None:
    """A prompt of nothing, of emoji, of control characters is a prompt like any other."""
    async with server.live() as user:
        assert (await user.params(prompt=prompt))["prompt"] == prompt
        assert (await user.paint(1, encoded())).kind == IMAGE


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x00\x00\x00"])
async def test_a_message_too_short(server: Any, encoded: Any, data: bytes) -> None:
    """A binary message too short for an id and an image is an error, and the connection goes on."""
    async with server.live() as user:
        await user.socket.send(data)
        error = await user.next()
        assert (error["code"], "id" in error) == ("bad_frame", False)
        assert (await user.paint(1, encoded())).kind == IMAGE


def _bad_images(encoded: Callable[..., bytes]) -> dict[str, bytes]:
    jpeg, progressive = encoded(seed=1), encoded(seed=1, progressive=True)
    last = progressive.rindex(b"\xff\xda")
    return {
        "text": b"hello",
        "truncated jpeg": jpeg[: len(jpeg) // 2],
        "jpeg header": jpeg[:200],
        "truncated webp": encoded(seed=1, image_format="WEBP")[:-200],
        "truncated png": encoded(seed=1, image_format="PNG")[:-2000],
        "gif": encoded(seed=1, image_format="GIF"),
        "bmp": encoded(seed=1, image_format="BMP"),
        "tiff": encoded(seed=1, image_format="TIFF"),
        "bomb": _bomb(),
        "bomb of all": _bomb(2**31 - 1, 2**31 - 1),
        "scans": progressive[:last] + 5000 * progressive[last:-2],
    }


@pytest.mark.parametrize("similarity", [None, {}], ids=["every frame", "filtered"])
async def test_bad_images(server: Any, encoded: Any, similarity: Any) -> None:
    """Each frame that is no image, cut short, of another kind, or a bomb is one error with its id, and others stream on."""
    async with _undisturbed(server, encoded()), server.live() as user:
        await user.params(similarity=similarity)
        number = 0
        for name, image in _bad_images(encoded).items():
            error = await user.paint(number, image)
            assert (error["type"], error["code"], error["id"]) == ("error", "bad_image", number), name
            assert "Traceback" not in error["message"]
            assert "\n" not in error["message"]
            answer = await user.paint(number + 1, encoded(seed=number))
            assert (answer.id, answer.kind) == (number + 1, IMAGE), name
            number += 2


async def test_bombs_cost_nothing(server: Any, encoded: Any) -> None:
    """A hundred bombs of 400 megapixels cost no memory and little time."""
    before, began = _memory(server.process.pid), server.processor_seconds()
    async with _undisturbed(server, encoded()), server.live() as user:
        for number in range(100):
            assert (await user.paint(number, _bomb()))["code"] == "bad_image"
    assert server.processor_seconds() - began < 10
    assert _memory(server.process.pid) - before < 100 << 20


async def test_a_frame_of_8_megabytes(server: Any, encoded: Any) -> None:
    """A message over the limit closes that connection with 1009, and no other."""
    async with _undisturbed(server, encoded()), server.live() as user:
        with pytest.raises(ConnectionClosed) as closed:
            await user.paint(1, bytes(8 << 20))
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_frame_just_small_enough(server: Any) -> None:
    """A message of nearly the limit is read, and judged by what it is."""
    async with server.live() as user:
        error = await user.paint(1, bytes((4 << 20) - 100))
        assert (error["code"], error["id"]) == ("bad_image", 1)


async def test_an_id_twice(server: Any, encoded: Any) -> None:
    """An id sent twice, or a smaller one, is an error without an id; the first keeps its one answer."""
    async with server.live() as user:
        await user.params(similarity=None)
        for number in (5, 5, 3):
            await user.frame(number, encoded())
        await user.frame(6, encoded())
        messages = [await user.next() for _ in range(4)]
    errors = [m for m in messages if isinstance(m, dict)]
    answers = [m for m in messages if not isinstance(m, dict)]
    assert [(e["code"], "id" in e) for e in errors] == [("bad_id", False)] * 2
    assert [a.id for a in answers] == [5, 6]


async def test_the_largest_id(server: Any, encoded: Any) -> None:
    """The largest id is an id; after it only an error can come."""
    async with server.live() as user:
        assert (await user.paint(2**32 - 1, encoded())).id == 2**32 - 1
        assert (await user.paint(0, encoded()))["code"] == "bad_id"


@pytest.mark.parametrize("fault", ["fake:error", "fake:nan", "fake:crash"])
async def test_an_engine_fault(server: Any, encoded: Any, fault: str) -> None:
    """One whose images fail in the engine gets errors; who shares its ticks gets images."""
    async with _undisturbed(server, encoded()), server.live() as user:
        await user.params(prompt=fault)
        for number in range(10):
            error = await user.paint(number, encoded(seed=number))
            assert (error["code"], error["id"]) == ("engine_error", number)
        await user.params(prompt="fine again")
        assert (await user.paint(99, encoded())).kind == IMAGE


async def test_one_who_sends_without_waiting(server: Any, encoded: Any) -> None:
    """A flood of tiny frames is answered frame by frame, and nobody else is late."""
    async with _undisturbed(server, encoded()), server.live() as user:
        await user.params(similarity=None)

        async def send() -> None:
            for number in range(600):  # 240 are read at once, and 120 a second
                await user.frame(number, b"x")

        sending = asyncio.ensure_future(send())
        ids = []
        while len(ids) < 600:
            message = await user.next()
            ids.append(message["id"] if isinstance(message, dict) else message.id)
        await sending
        assert ids == list(range(600))


async def test_one_who_sends_params_without_waiting(server: Any, encoded: Any) -> None:
    """A flood of params is answered one by one, in order."""
    async with _undisturbed(server, encoded()), server.live() as user:
        for seed in range(500):
            await user.text({"type": "params", "seed": seed, "prompt": f"prompt {seed}", "transition": 60})
        seeds = [(await user.next())["seed"] for _ in range(500)]
        assert seeds == list(range(500))
        assert (await user.paint(1, encoded())).kind == IMAGE


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
async def test_one_who_vanishes_mid_frame(server: Any, encoded: Any, share: float) -> None:
    """A connection that breaks in the middle of a message frees its session."""
    before = server.metric("allaprima_sessions")
    async with _undisturbed(server, encoded()):
        async with server.live() as user:
            await user.params(similarity=None)
            for number in range(3):
                await user.frame(number, encoded())
            body = encoded()
            header = b"\x82\xfe" + struct.pack(">H", len(body)) + b"\x00\x00\x00\x00"
            user.socket.transport.write(header + body[: int(len(body) * share)])
            user.socket.transport.abort()
        await server.metric_becomes(before + 1, "allaprima_sessions")
    await server.metric_becomes(before, "allaprima_sessions")
    await server.metric_becomes(0, "allaprima_jobs_in_flight")


async def test_bytes_that_are_no_websocket(server: Any, encoded: Any) -> None:
    """Nonsense on the socket, in the middle of a stream or instead of a greeting, ends that connection only."""
    async with _undisturbed(server, encoded()):
        async with server.live() as user:
            user.socket.transport.write(b"\xff" * 100)
            with pytest.raises(ConnectionClosed):
                await user.next()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01 nonsense \r\n\r\n")
        assert b"400" in await asyncio.wait_for(reader.read(), 10)
        writer.close()


def _small_socket(server: Any) -> socket.socket:
    """A connection in which little has room that is not read."""
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.connect(("127.0.0.1", server.port))
    small.setblocking(False)
    return small


async def test_one_who_never_reads(start: Any, encoded: Any) -> None:
    """One who sends and never reads is cut off after the stall; its session is free again, and nobody waits for it."""
    server = start("--engine", "fake", "--fake-tick", "0.005", "--stall-seconds", "1", "--grace", "600")
    image = encoded()

    async def paint(images: int) -> None:
        async with server.live() as user:
            await user.params(similarity=None)
            for number in range(images):
                assert (await user.paint(number, image)).kind == IMAGE

    await paint(50)
    memory = _memory(server.process.pid)
    small = _small_socket(server)
    async with server.live(greeted=False, sock=small, ping_interval=None, close_timeout=0.1) as deaf:
        await deaf.params(similarity=None, format="png", prompt="never read")
        deaf.socket.transport.pause_reading()
        await server.metric_becomes(1, "allaprima_sessions")

        async def send() -> None:
            number = 0
            while True:
                await deaf.frame(number, image)
                await deaf.text({"type": "params", "prompt": f"{number} ".ljust(1900, "x")})
                await asyncio.sleep(0.002)
                number += 1

        sending = asyncio.ensure_future(send())
        await paint(100)
        await server.metric_becomes(0, "allaprima_sessions")
        sending.cancel()
        await asyncio.wait([sending])
        assert _memory(server.process.pid) - memory < 64 << 20
        deaf.socket.transport.abort()
    await server.metric_becomes(0, "allaprima_jobs_in_flight")
    assert "did not read" in server.said()
    assert "Traceback" not in server.said()
    assert server.stop() == 0


async def test_one_who_only_asks_and_never_reads(start: Any) -> None:
    """One who floods params and reads no answer is cut off too."""
    server = start("--engine", "fake", "--stall-seconds", "1")
    small = _small_socket(server)
    async with server.live(sock=small, ping_interval=None, close_timeout=0.1) as deaf:
        deaf.socket.transport.pause_reading()

        async def send() -> None:
            while True:
                await deaf.text({"type": "params", "prompt": "x" * 1900})

        sending = asyncio.ensure_future(send())
        await server.metric_becomes(1, "allaprima_sessions")
        await server.metric_becomes(0, "allaprima_sessions")
        sending.cancel()
        await asyncio.wait([sending])
        deaf.socket.transport.abort()
    assert "Traceback" not in server.said()
    assert server.stop() == 0
