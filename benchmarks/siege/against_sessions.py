"""Attacks on sessions and their tokens: joining, leaving, guessing."""

import base64
import time

from . import frames, material
from .attack import attack
from .hostile import Hostile, Socket

_AT_ONCE, _FRAMES, _PAUSE = 12, 5, 0.5


@attack(7)
def joins_and_leaves(me: Hostile) -> None:
    """Live connections that are opened, greeted and dropped: each leaves a session that waits to be resumed."""
    for _ in me.rounds():
        if (one := me.stream()) is not None:
            me.drop(one)


@attack(7)
def joins_and_says_goodbye(me: Hostile) -> None:
    """The same, with a proper close."""
    for _ in me.rounds():
        if (one := me.stream()) is not None:
            me.send(one, frames.frame(frames.CLOSE, b"\x03\xe8"))
            me.read(one, 0.2)
            me.drop(one)


@attack(7)
def guessed_tokens(me: Hostile) -> None:
    """Sessions that are not there, asked for by guessed tokens, odd ones and long ones."""
    odd = ("", "%00", "..%2F", "a" * 20_000, "%F0%9F%92%A9" * 100)
    for count in me.rounds():
        guess = base64.urlsafe_b64encode(me.random.randbytes(12)).decode()
        token = odd[count % 50] if count % 50 < len(odd) else guess
        if (one := me.stream(f"{frames.PATH}?resume={token}")) is not None:
            me.drop(one)


@attack(7)
def one_token_again_and_again(me: Hostile) -> None:
    """One session, resumed again and again from two sockets at a time."""
    first = me.stream()
    if first is None:
        return
    token = b""
    while not token and not me.over:
        got = me.read(first, 0.5)
        token = got.partition(b'"session":"')[2].partition(b'"')[0]
    for _ in me.rounds():
        two = [me.stream(f"{frames.PATH}?resume={token.decode()}") for _ in range(2)]
        for one in two:
            if one is not None:
                me.drop(one)


@attack(7)
def watchers_that_never_read(me: Hostile) -> None:
    """One session that paints, watched by one socket after another, none of which is ever read."""
    first = me.connect()
    if first is None or not me.send(first, frames.upgrade(frames.PATH), drain=False):
        return
    token = greeted = b""
    while not token and not me.over:
        greeted += me.read(first, 0.5)  # the greeting may come with the handshake's answer
        token = greeted.partition(b'"watch":"')[2].partition(b'"')[0]
    image, watching = material.plain(256), list[Socket]()
    for count in me.rounds():
        for number in range(_FRAMES):
            me.send(first, frames.picture(_FRAMES * count + number, image))
        # as many as may watch and some more, again and again: floods of connections are attacks of their own
        for one in watching[: len(watching) // 2]:
            me.drop(one)
        watching = [*watching[len(watching) // 2 :], *filter(None, (me.connect() for _ in range(_AT_ONCE - len(watching))))]
        for one in watching:
            me.send(one, frames.request("GET", f"/v1/sessions/{token.decode()}.mjpg"), drain=False)
        time.sleep(_PAUSE)


@attack(7)
def guessed_watch_tokens(me: Hostile) -> None:
    """Sessions that are not there, looked at by guessed tokens, odd ones and long ones."""
    odd = ("", "%00", "..%2F", "a" * 10_000, "%F0%9F%92%A9" * 100)
    while not me.over:
        if (one := me.connect()) is None:
            continue
        for count in range(50):
            guess = base64.urlsafe_b64encode(me.random.randbytes(16)).decode()
            token = odd[count] if count < len(odd) else guess
            if not me.send(one, frames.request("GET", f"/v1/sessions/{token}.jpg")):
                break
        me.drop(one)
