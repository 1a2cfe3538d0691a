"""Attacks on the transport: control frames, fragments, and connections that are slow, half or idle."""

import contextlib
import os
import struct
import zlib

from . import frames, material
from .attack import KEYED, attack
from .hostile import Hostile, Socket

_MANY = 512
"""Frames that are sent in one go."""


@attack(2)
def pings(me: Hostile) -> None:
    """Empty pings on one socket, as many as fit into the rate."""
    me.pour(frames.frame(frames.PING) * _MANY, me.stream)


@attack(2)
def large_pings(me: Hostile) -> None:
    """Pings of 125 bytes, each of which is to be answered in full."""
    me.pour(frames.frame(frames.PING, b"p" * 125) * _MANY, me.stream)


@attack(2)
def pongs(me: Hostile) -> None:
    """Pongs that nobody asked for."""
    me.pour(frames.frame(frames.PONG) * _MANY, me.stream)


@attack(2)
def empty_continuations(me: Hostile) -> None:
    """A message that never ends, of fragments without a byte."""
    first = frames.frame(frames.BINARY, b"1234", fin=False)
    me.pour(lambda count: first if not count else frames.frame(frames.CONTINUATION, fin=False) * _MANY, me.stream)


@attack(2)
def fragments_of_two_bytes(me: Hostile) -> None:
    """Messages of 4 MB in fragments of two bytes: each costs a buffer."""
    first, more = frames.frame(frames.BINARY, b"12", fin=False), frames.frame(frames.CONTINUATION, b"34", fin=False)

    def open_one() -> Socket | None:
        one = me.stream()
        return one if one is not None and me.send(one, first) else None

    me.pour(more * _MANY, open_one)


@attack(2)
def short_messages_in_fragments(me: Hostile) -> None:
    """Small frames of three fragments with a ping between: all of it as the protocol allows."""
    parts = frames.frame(frames.BINARY, b"1", fin=False) + frames.frame(frames.PING)
    parts += frames.frame(frames.CONTINUATION, b"2", fin=False) + frames.frame(frames.CONTINUATION, b"3")
    me.pour(parts * 64, me.stream)


@attack(2)
def empty_messages(me: Hostile) -> None:
    """Binary and text messages without a byte: each is answered by an error."""
    me.pour((frames.frame(frames.BINARY) + frames.frame(frames.TEXT)) * 64, me.stream)


@attack(2, flags=KEYED)
def pings_when_refused(me: Hostile) -> None:
    """Pings on connections that are refused for their key."""
    me.pour(frames.frame(frames.PING) * _MANY, me.stream)


@attack(2)
def messages_after_a_close(me: Hostile) -> None:
    """A close, and then frames as if nothing had been said."""
    me.pour(frames.frame(frames.CLOSE, struct.pack("!H", 1000)) + frames.frame(frames.PING, b"p" * 100) * _MANY, me.stream)


@attack(2)
def frames_that_break_the_protocol(me: Hostile) -> None:
    """Opcodes that there are not, compressed frames, control frames in parts, text that is not UTF-8, lies about lengths."""
    broken = [
        frames.frame(3, b"x"),
        frames.frame(11, b"x"),
        frames.frame(frames.BINARY, b"x" * 100, reserved=4),
        frames.frame(frames.PING, b"x" * 200),
        frames.frame(frames.PING, fin=False),
        frames.frame(frames.TEXT, b"\xff\xfe\xfd"),
        frames.frame(frames.CLOSE, b"\x00"),
        frames.frame(frames.CONTINUATION, b"x"),
        frames.frame(frames.BINARY, b"x", says=1 << 62),
        frames.frame(frames.BINARY, b"x", says=1 << 40),
    ]
    me.pour(lambda count: broken[count % len(broken)], me.stream)


@attack(2)
def pings_that_are_not_read(me: Hostile) -> None:
    """Large pings, whose pongs are never read: what is to be sent piles up."""
    me.pour(frames.frame(frames.PING, b"p" * 125) * _MANY, me.stream, drain=False)


@attack(2, holds=True)
def pings_and_then_silence(me: Hostile) -> None:
    """Pings and never a read, then nothing more, and the socket stays open: a close that waits for a flush waits for ever."""
    for _ in range(4):
        if (one := me.stream()) is not None:
            for _ in range(40):
                me.send(one, frames.frame(frames.PING, b"p" * 125) * _MANY, drain=False)


@attack(2, holds=True)
def closes_that_are_not_read(me: Hostile) -> None:
    """As much asked for as fits into all buffers, then a close, and nothing is read."""
    for _ in range(4):
        if (one := me.stream()) is not None:
            me.send(one, frames.params(nonsense="x" * 300) * 3000, drain=False)
            me.send(one, frames.frame(frames.CLOSE, struct.pack("!H", 1000)), drain=False)


@attack(2, holds=True, door=True)
def live_and_silent(me: Hostile) -> None:
    """Live connections that never send a frame, as many as there are places."""
    for _ in range(32):
        me.stream()


@attack(2, holds=True, door=True)
def one_frame_and_silent(me: Hostile) -> None:
    """Live connections that send one frame of nonsense and then nothing."""
    for _ in range(32):
        if (one := me.stream()) is not None:
            me.send(one, frames.picture(1, b"no picture"))


@attack(2, holds=True)
def half_handshakes(me: Hostile) -> None:
    """WebSocket handshakes that stop before their last line."""
    for _ in range(60):
        if (one := me.connect()) is not None:
            me.send(one, frames.upgrade()[:-2])


@attack(2, holds=True)
def handshakes_that_are_none(me: Hostile) -> None:
    """Handshakes that are whole requests and no whole handshakes: with a body, in chunks, or with a line that is too long."""
    more = ({"Content-Length": "3"}, {"Transfer-Encoding": "chunked"}, {"X-Long": "x" * 9000})
    for number in range(60):
        if (one := me.connect()) is not None:
            me.send(one, frames.upgrade(headers=more[number % 3]))


@attack(2, holds=True)
def half_headers(me: Hostile) -> None:
    """Requests of which a letter comes now and then, on many sockets."""
    sockets = [one for _ in range(60) if (one := me.connect()) is not None]
    text = frames.request("GET", "/healthz", headers={"X-Slow": "s" * 1000})
    for count in me.rounds():
        for one in sockets:
            me.send(one, text[count : count + 1])
        me.sleep(0.3)


@attack(2, holds=True)
def slow_bodies(me: Hostile) -> None:
    """Bodies of which a letter comes now and then, on many sockets."""
    start = frames.request("POST", frames.STILLS, headers={"Content-Length": "60000", "Content-Type": "application/json"})
    sockets = [one for _ in range(60) if (one := me.connect()) is not None]
    for one in sockets:
        me.send(one, start)
    for _ in me.rounds():
        for one in sockets:
            me.send(one, b" ")
        me.sleep(0.3)


@attack(2)
def endless_chunks(me: Hostile) -> None:
    """A body in chunks of one byte that never ends."""
    start = frames.request("POST", frames.STILLS, headers={"Transfer-Encoding": "chunked", "Content-Length": "",
                                                           "Content-Type": "application/json"})  # fmt: skip

    def open_one() -> Socket | None:
        one = me.connect()
        return one if one is not None and me.send(one, start) else None

    me.pour(b"1\r\n \r\n" * _MANY, open_one)


@attack(2, holds=True, descriptors=256)
def idle_sockets(me: Hostile) -> None:
    """A hundred sockets each that say nothing, where the server may have 256 descriptors."""
    for _ in range(100):
        me.connect()


@attack(2, holds=True, descriptors=256)
def idle_after_a_request(me: Hostile) -> None:
    """A hundred sockets each that ask once and then nothing, where the server may have 256 descriptors."""
    for _ in range(100):
        if (one := me.connect()) is not None:
            me.send(one, frames.request("GET", "/healthz"))


@attack(2)
def connections_come_and_go(me: Hostile) -> None:
    """Sockets that are opened and closed without a word."""
    for _ in me.rounds():
        if (one := me.connect()) is not None:
            me.drop(one)


@attack(2)
def answers_that_are_not_read(me: Hostile) -> None:
    """The largest files of the page, pipelined, and never a read."""
    me.pour(frames.request("GET", "/web/app.js") * 64, me.connect, drain=False)


@attack(2)
def images_that_are_not_read(me: Hostile) -> None:
    """Stills as PNG, pipelined, and never a read."""
    me.pour(frames.still({"prompt": "x", "n": 4}) * 8, me.connect, drain=False)


@attack(2)
def frames_whose_answers_are_not_read(me: Hostile) -> None:
    """Live frames as fast as may be, and never a read."""
    image = material.plain(256)
    me.pour(lambda count: frames.picture(count, image), me.stream, drain=False)


@attack(2)
def other_protocols(me: Hostile) -> None:
    """TLS, HTTP/2, a proxy's greeting, and bytes of no protocol."""
    words = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(500),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(200),
        b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
        os.urandom(2000),
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"\r\n" * 1000,
    )
    for count in me.rounds():
        if (one := me.connect()) is not None:
            me.send(one, words[count % len(words)])
            me.drop(one)


@attack(2)
def upgrades_to_nowhere(me: Hostile) -> None:
    """Handshakes for paths, students and subprotocols that there are not."""
    paths = ("/nowhere", frames.PATH + "?student=nobody", "/healthz", frames.PATH)
    for count in me.rounds():
        other = {"Sec-WebSocket-Protocol": "chat"} if count % 4 == 3 else {}
        if (one := me.stream(paths[count % 4], other)) is not None:
            me.send(one, frames.frame(frames.PING, b"p" * 125) * 8)
            me.drop(one)


@attack(2)
def oversized_messages(me: Hostile) -> None:
    """Messages larger than any that is taken, sent to the end."""
    me.pour(frames.frame(frames.BINARY, bytes(5 << 20)), me.stream)


@attack(2, holds=True)
def half_messages(me: Hostile) -> None:
    """Live messages of a megabyte of which a letter comes now and then, with pings between that show that somebody is there."""
    sockets = [one for _ in range(8) if (one := me.stream()) is not None]
    for one in sockets:
        me.send(one, frames.frame(frames.BINARY, b"1234", says=1 << 20))
    for _ in me.rounds():
        for one in sockets:
            me.send(one, b"x")
        me.sleep(0.3)


@attack(2, holds=True)
def bodies_that_are_only_announced(me: Hostile) -> None:
    """Requests that wait to be told to go on, and then do not."""
    asked = {"Expect": "100-continue", "Content-Length": "60000", "Content-Type": "application/json"}
    for _ in range(100):
        if (one := me.connect()) is not None:
            me.send(one, frames.request("POST", frames.STILLS, headers=asked))


@attack(2)
def chunks_with_long_extensions(me: Hostile) -> None:
    """A body in chunks, each with a kilobyte of words that nobody asked for, and trailers without end."""
    start = frames.request("POST", frames.STILLS, headers={"Transfer-Encoding": "chunked", "Content-Length": "",
                                                           "Content-Type": "application/json"})  # fmt: skip

    def open_one() -> Socket | None:
        one = me.connect()
        return one if one is not None and me.send(one, start) else None

    if me.index % 2:
        me.pour(b"1;" + b"e=" + b"x" * 1000 + b"\r\n \r\n", open_one)
    else:
        me.pour(lambda count: b"0\r\n" if not count else b"X-Trailer: " + b"t" * 500 + b"\r\n", open_one)


@attack(2)
def streams_that_offer_to_compress(me: Hostile) -> None:
    """Handshakes that offer every kind of compression, and messages as if it had been taken."""
    offer = {"Sec-WebSocket-Extensions": ", ".join(["permessage-deflate; server_max_window_bits=8"] * 50)}
    packed = zlib.compress(bytes(1 << 20))[2:-4]
    me.pour(frames.frame(frames.BINARY, packed, reserved=4), lambda: me.stream(headers=offer))


@attack(2)
def answers_read_a_byte_at_a_time(me: Hostile) -> None:
    """Large answers of which a byte is read now and then: always some progress, and never an end."""
    sockets = []
    for _ in range(8):
        if (one := me.connect()) is not None and me.send(one, frames.request("GET", "/web/app.js") * 64, drain=False):
            sockets.append(one)
        if (one := me.stream()) is not None and me.send(one, frames.params(nonsense="x") * 200, drain=False):
            sockets.append(one)
    for _ in me.rounds():
        for one in sockets:
            with contextlib.suppress(OSError):
                one.recv(1)
        me.sleep(0.1)
