"""Attacks on the log: many lines, long lines, lines that look like somebody else's."""

from . import frames
from .attack import attack
from .hostile import Hostile


@attack(10)
def refusals(me: Hostile) -> None:
    """Requests that are refused, as many as fit into the rate, each for another path."""
    me.pour(lambda count: b"".join(frames.request("GET", f"/v1/none/{count}/{turn}") for turn in range(16)), me.connect)


@attack(10)
def refused_streams(me: Hostile) -> None:
    """Live connections that are refused for their student, each for another."""
    for count in me.rounds():
        if (one := me.stream(f"{frames.PATH}?student=s{count}")) is not None:
            me.drop(one)


@attack(10)
def text_that_is_not_utf8(me: Hostile) -> None:
    """Live text that is not UTF-8, on one connection after another."""
    me.pour(frames.frame(frames.TEXT, b"\xff\xfe" * 100), me.stream)


@attack(10)
def forged_lines(me: Hostile) -> None:
    """Line ends and terminal codes in paths, queries, headers, students, models and names of keys."""
    line = "x%0A2026-01-01%20ERROR%20allaprima%20forged%0D%1B%5B2J%E2%80%A8"
    raw = "x\n2026-01-01 ERROR allaprima forged\r\x1b[2J\u2028"
    for count in me.rounds():
        if count % 3 == 0:
            if (one := me.stream(f"{frames.PATH}?student={line}&resume={line}")) is not None:
                me.send(one, frames.params(**{raw: 1}))
                me.drop(one)
        elif (one := me.connect()) is not None:
            if count % 3 == 1:
                me.send(
                    one, frames.request("GET", f"/{line}?{line}", headers={"X-Request-Id": "a\x1b[2J", "User-Agent": "b\x1b"})
                )
            else:
                me.send(one, frames.still({"prompt": "x", "model": raw, raw: raw}))
            me.read(one, 0.2)
            me.drop(one)


@attack(10)
def bad_requests(me: Hostile) -> None:
    """Bytes that are no request, on one connection after another: each is a warning of the HTTP library's."""
    for _ in me.rounds():
        if (one := me.connect()) is not None:
            me.send(one, b"NOT HTTP AT ALL\r\n\r\n")
            me.read(one, 0.1)
            me.drop(one)


@attack(10)
def wrong_bodies(me: Hostile) -> None:
    """Stills that are wrong in one way each, pipelined."""
    me.pour(b"".join(frames.still({"prompt": "x", f"k{turn}": 1}) for turn in range(32)), me.connect)
