"""Attacks on sessions and their tokens: joining, leaving, guessing."""

import base64

from . import frames
from .attack import attack
from .hostile import Hostile


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
