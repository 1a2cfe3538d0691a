"""WebSockets: floods, fragments, halves and those who never read cost little, end, and are counted."""

import asyncio
import struct
from typing import Any

import pytest
from uvicorn.protocols.utils import ClientDisconnected
from websockets.frames import Frame, Opcode

from server.transport import cut_off, refuse, until_lost
from server.types import Refusal
from tests.server.transport.conftest import HANDSHAKE

Messages = list[Any]


def frame(data: bytes = b"", opcode: Opcode = Opcode.BINARY, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


PING = frame(b"", Opcode.PING)


def recorder(into: Messages, pause: asyncio.Event | None = None) -> Any:
    """An app that accepts, and keeps what comes; once `pause` is given it takes nothing until that is set."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        into.append(await receive())
        await send({"type": "websocket.accept"})
        while into[-1]["type"] != "websocket.disconnect":
            if pause is not None:
                await pause.wait()
            into.append(await receive())

    return app


def closed(data: bytes) -> tuple[int, bytes]:
    """Code and reason of the close frame at the end of what came."""
    at = data.rindex(b"\x88")
    return struct.unpack_from("!H", data, at + 2)[0], data[at + 4 :]


@pytest.mark.parametrize(
    "what", [PING, frame(b"", Opcode.PONG), frame(b"x" * 125, Opcode.PING)], ids=["pings", "pongs", "long pings"]
)
async def test_a_flood_of_control_frames(serve: Any, what: bytes) -> None:
    """A flood is closed with 1008 and a reason that reaches its sender, counted once, and thrown away unparsed."""
    got: Messages = []
    here = await serve(recorder(got))
    async with here.peer() as peer:
        await peer.shake()

        async def flood() -> None:
            while True:
                await peer.send(what * 1000)

        flooding = asyncio.ensure_future(flood())
        code, reason = closed(await peer.all())
        await asyncio.gather(flooding, return_exceptions=True)
    assert code == 1008
    assert b"too many pings" in reason
    assert here.reasons() == [Refusal.FLOOD]
    assert got[-1] == {"type": "websocket.disconnect", "code": 1008, "reason": reason.decode()}
    await here.empty()


async def test_a_word_after_the_guards_close(serve: Any) -> None:
    """Who is about to speak to a client that the guard has just closed on learns that it is gone; a second close is nothing."""
    raised: list[type[Exception]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        try:
            await send({"type": "websocket.send", "text": "hello"})
        except OSError as error:
            raised.append(type(error))
        await send({"type": "websocket.close", "code": 1000})

    here = await serve(app)
    async with here.peer() as peer:
        await peer.shake()
        await peer.send(PING * 200)
        assert closed(await peer.all())[0] == 1008
        await here.becomes(lambda: bool(raised))
    assert raised == [ClientDisconnected]
    await here.empty()


async def test_fragments(serve: Any) -> None:
    """A message in a few hundred parts comes as one, text or bytes; in far too many it is closed."""
    got: Messages = []
    here = await serve(recorder(got))
    async with here.peer() as peer:
        await peer.shake()
        await peer.send(frame(b"a", fin=False) + frame(b"b", Opcode.CONT, fin=False) * 500 + frame(b"c", Opcode.CONT))
        await peer.send(frame("é".encode()[:1], Opcode.TEXT, fin=False) + frame("é".encode()[1:], Opcode.CONT))
        await here.becomes(lambda: len(got) == 3)
        assert got[1]["bytes"] == b"a" + b"b" * 500 + b"c"
        assert type(got[1]["bytes"]) is bytes
        assert got[2]["text"] == "é"
        await peer.send(frame(b"a", fin=False) + frame(b"bb", Opcode.CONT, fin=False) * 3000)
        assert closed(await peer.all())[0] == 1008
    assert here.reasons() == [Refusal.FLOOD]


async def test_parts_are_joined_as_they_come(serve: Any) -> None:
    """What is kept of a message that is not whole is its bytes, not its parts."""
    here = await serve(recorder([]))
    async with here.peer() as peer:
        await peer.shake()
        await peer.send(frame(b"ab", fin=False) + frame(b"cd", Opcode.CONT, fin=False) * 400)
        (live,) = here.state.connections
        await here.becomes(lambda: len(live.frames) == 1 and len(live.frames[0]) == 802)


async def test_text_that_is_none(serve: Any) -> None:
    """Text that is not UTF-8 is closed with 1007, without a line in the log."""
    got: Messages = []
    here = await serve(recorder(got))
    async with here.peer() as peer:
        await peer.shake()
        await peer.send(frame(b"\xff\xfe", Opcode.TEXT))
        assert closed(await peer.all())[0] == 1007
    assert got[-1]["code"] == 1007


async def test_a_message_that_is_too_long(serve: Any) -> None:
    """A message over the limit is closed with 1009, which reaches its sender though it is still sending."""
    got: Messages = []
    here = await serve(recorder(got), max_size=1 << 20)
    async with here.peer() as peer:
        await peer.shake()
        await peer.send(frame(b"x" * (16 << 20)))
        assert closed(await peer.all())[0] == 1009
    assert got[-1]["code"] == 1009


@pytest.mark.parametrize(
    "begun", [frame(b"x" * 100)[:50], frame(b"x", fin=False), b"\x82"], ids=["half", "unfinished", "a byte"]
)
async def test_a_message_without_end(serve: Any, begun: bytes) -> None:
    """A message that has begun and does not end in time is closed, also when pings show that its sender is there."""
    here = await serve(recorder([]), message_seconds=0.3)
    async with here.peer() as peer:
        await peer.shake()
        await peer.send(frame(b"whole") + begun)
        code, reason = closed(await peer.all())
    assert (code, reason) == (1008, b"a message was not finished in 0.3 s")
    assert here.reasons() == [Refusal.SLOW]
    await here.empty()


async def test_messages_wait_where_they_are_cheap(serve: Any) -> None:
    """Thousands of messages at once all come, in order, and are parsed a few at a time as they are taken."""
    got: Messages = []
    taking = asyncio.Event()
    here = await serve(recorder(got, taking))
    async with here.peer() as peer:
        await peer.shake()
        await peer.send(b"".join(frame(struct.pack("<I", number)) for number in range(700)))
        (live,) = here.state.connections
        await here.becomes(lambda: live.queue.qsize() > 0)
        await asyncio.sleep(0.1)
        assert live.queue.qsize() < 500
        taking.set()
        await here.becomes(lambda: len(got) == 701)
    assert [struct.unpack("<I", message["bytes"])[0] for message in got[1:701]] == list(range(700))
    assert here.refusals == []


async def test_one_who_never_reads_and_goes_quiet(serve: Any) -> None:
    """A close does not wait for a reader that does not read: connection and app end soon after."""
    got: Messages = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(100):  # more than the system buffers, and without waiting for it to be read
            scope["extensions"]["allaprima.transport"]["protocol"].transport.write(bytes(1 << 20))
        got.append(await receive())

    here = await serve(app)
    async with here.peer(limit=1024) as peer:
        await peer.shake()
        (live,) = here.state.connections
        live.keepalive_timeout()  # as uvicorn does when a ping is not answered
        await here.empty()
    assert got[0]["type"] == "websocket.disconnect"


async def test_stop_with_one_who_never_reads(serve: Any) -> None:
    """Stopping does not wait for such a reader either."""
    here = await serve(recorder([]))
    async with here.peer(limit=1024) as peer:
        await peer.shake()
        (live,) = here.state.connections
        live.transport.write(bytes(100 << 20))
        live.shutdown()
        await here.empty()


async def test_what_is_sent_is_not_read(serve: Any) -> None:
    """Where nobody else looks after it, a peer that reads nothing for long is cut off."""
    here = await serve(recorder([]), stall_seconds=-4.5)  # and the slack of five seconds that the route has
    async with here.peer(limit=1024) as peer:
        await peer.shake()
        (live,) = here.state.connections
        live.transport.write(bytes(100 << 20))
        await here.empty()
    assert here.reasons() == [Refusal.SLOW]


async def test_refused(serve: Any) -> None:
    """One that is refused is told why; nothing that it sends is parsed, and a second later it is gone, whatever it does."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        refuse(scope)
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1013, "reason": "full"})

    here = await serve(app)
    async with here.peer() as peer:
        await peer.shake()
        (live,) = here.state.connections

        async def flood() -> None:
            while True:
                await peer.send(PING * 1000)

        flooding = asyncio.ensure_future(flood())
        assert closed(await peer.all()) == (1013, b"full")
        await here.empty()
        await asyncio.gather(flooding, return_exceptions=True)
        assert live.conn.seen == 0


async def test_gone_while_nobody_reads(serve: Any) -> None:
    """A connection that is lost is noticed though the app takes no messages; one that is there is not lost."""
    lost = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await until_lost(scope)
        lost.set()

    here = await serve(app)
    async with here.peer() as peer:
        await peer.shake()
        await asyncio.sleep(0.1)
        assert not lost.is_set()
    async with asyncio.timeout(30):
        await lost.wait()


async def test_cut_off(serve: Any) -> None:
    """Cutting off ends a connection at once, with whatever was still to be sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        cut_off(scope)
        await receive()

    here = await serve(app)
    async with here.peer() as peer:
        await peer.shake()
        assert await peer.all() == b""
    await here.empty()


async def test_on_another_server() -> None:
    """On a server without our protocols nothing happens, and nobody is lost."""
    for scope in ({"type": "websocket"}, {"type": "websocket", "extensions": {}}):
        cut_off(scope)
        refuse(scope)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(until_lost(scope), 0.01)


@pytest.mark.parametrize(
    "header",
    [b"X: " + b"y" * 9000, b"Content-Length: 3", b"Transfer-Encoding: chunked"],
    ids=["long", "body", "chunks"],
)
async def test_a_request_that_is_no_handshake(serve: Any, header: bytes) -> None:
    """What asks for an upgrade and is more than a handshake may be is answered and let go, and not waited for."""
    here = await serve(recorder([]))
    async with here.peer() as peer:
        await peer.send(HANDSHAKE[:-2] + header + b"\r\n\r\n")
        assert (await peer.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 400")
    assert here.reasons() == [Refusal.BAD_REQUEST]
    await here.empty()
