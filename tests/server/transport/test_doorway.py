"""The doorway: who is one too many costs next to nothing, and whoever may come in does not wait behind them."""

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from server.transport import Doorway, Guard, Limits
from server.types import Refusal

PATIENCE = 30.0


class Porter(asyncio.Protocol):
    """Answers whoever it is made for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"come in")
        transport.close()


class Door:
    """A doorway in this process, how many protocols it made, and what it was told to refuse."""

    def __init__(self, listener: socket.socket, proxy: bool = False, **limits: Any) -> None:
        self.listener, self.made = listener, 0
        self.refused: list[Refusal] = []
        guard = Guard(Limits(**limits), lambda reason, why, address: self.refused.append(reason), lambda _: proxy)
        self.doorway = Doorway([listener], guard, self._make)

    def _make(self) -> asyncio.Protocol:
        self.made += 1
        return Porter()

    async def knock(self) -> bytes:
        """What is said to somebody who comes."""
        async with asyncio.timeout(PATIENCE):
            try:
                reader, writer = await asyncio.open_connection(*self.listener.getsockname())
            except ConnectionError:
                return b""
            try:
                return await reader.read()
            except ConnectionError:
                return b""
            finally:
                writer.close()


@pytest.fixture
async def door() -> AsyncIterator[Callable[..., Door]]:
    """`door(**limits)`: an open one."""
    async with AsyncExitStack() as stack:

        def make(listener: socket.socket | None = None, **limits: Any) -> Door:
            made = Door(stack.enter_context(listener or socket.create_server(("127.0.0.1", 0), backlog=512)), **limits)
            made.doorway.open()
            stack.callback(made.doorway.close)
            return made

        yield make


async def test_turns(door: Callable[..., Door]) -> None:
    """Whoever comes behind many of one address is let in before most of them."""
    here = door()
    address = here.listener.getsockname()
    crowd = [socket.create_connection(address) for _ in range(100)]  # while the loop has no turn
    with socket.create_connection(address, source_address=("127.0.0.2", 0)) as newcomer:
        newcomer.setblocking(False)
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.get_running_loop().sock_recv(newcomer, 100) == b"come in"
    assert here.made < 60
    for one in crowd:
        one.close()
    assert here.refused == []


async def test_a_share_of_those_that_wait(door: Callable[..., Door]) -> None:
    """However many come at once and within their pace, a part of the room is for others; the rest is cut off and counted."""
    here = door(connections=40)
    address = here.listener.getsockname()
    crowd = [socket.create_connection(address) for _ in range(100)]
    async with asyncio.timeout(PATIENCE):
        while here.made + len(here.refused) < 100:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert set(here.refused) == {Refusal.FLOOD}
    assert here.made == 40
    for one in crowd:
        one.close()


async def test_a_proxy_has_no_share(door: Callable[..., Door]) -> None:
    """A proxy speaks for many: all that come by it are let in, some turns later."""
    here = door(connections=40, proxy=True)
    crowd = [socket.create_connection(here.listener.getsockname()) for _ in range(150)]
    async with asyncio.timeout(PATIENCE):
        while here.made < 150:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert here.refused == []
    for one in crowd:
        one.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says whether a peer has hung up")
async def test_who_has_gone_already(door: Callable[..., Door]) -> None:
    """Of who has hung up while waiting to be let in nothing is made, whatever was sent."""
    here = door()
    for _ in range(50):
        with socket.create_connection(here.listener.getsockname()) as one:
            one.sendall(b"GET / HTTP/1.1\r\n\r\n")
    assert await here.knock() == b"come in"
    assert here.made == 1


async def test_one_too_many(door: Callable[..., Door]) -> None:
    """Of who comes too fast no protocol is made, each is counted, and the connection is reset at once."""
    here = door(new_a_second_per_owner=5)
    answers = await asyncio.gather(*(here.knock() for _ in range(100)))
    assert answers.count(b"come in") == here.made
    assert 10 <= here.made < 50
    assert here.refused == [Refusal.FLOOD] * (100 - here.made)


async def test_many_in_one_turn(door: Callable[..., Door]) -> None:
    """Connections that wait are taken many in a turn of the loop: a newcomer does not wait a turn for each before it."""
    here = door(new_a_second_per_owner=1e-6)
    peers = [socket.create_connection(here.listener.getsockname()) for _ in range(96)]  # while the loop has no turn
    turns = 0
    async with asyncio.timeout(PATIENCE):
        while len(here.refused) < 96:
            turns += 1
            await asyncio.sleep(0)
    assert turns < 48
    for peer in peers:
        peer.close()


class Exhausted(socket.socket):
    """A listening socket for which the system has no descriptor, the first few times."""

    left = 3

    def accept(self) -> Any:
        if self.left:
            self.left -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_without_descriptors(door: Callable[..., Door]) -> None:
    """Where the system can give no connection, it is asked again after a pause, and who waits is let in."""
    listener = Exhausted()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    here = door(listener)
    assert await here.knock() == b"come in"
    assert here.refused == [Refusal.CROWDED] * 3


async def test_a_closed_door(door: Callable[..., Door]) -> None:
    """Nobody is taken any more once it is closed, also while it pauses."""
    listener = Exhausted()
    listener.left = 10**6
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    here = door(listener)
    with socket.create_connection(listener.getsockname()):
        async with asyncio.timeout(PATIENCE):
            while not here.refused:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        here.doorway.close()
        listener.left = 0
        await asyncio.sleep(0.3)
    assert here.made == 0
