"""The event loop's way to Redis: one connection, on which commands arrive in the order they were given, many at once."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .connecting import FIRST_PAUSE, LONGEST_PAUSE, Trouble, asking, check_server, loading
from .errors import OUTAGES, QueueError, RedisError, fatal, passes, refused
from .layout import Script

_MOST, _MOST_BYTES = 128, 8 << 20
"""Commands sent at once, and bytes of them, if they are several."""


@dataclass(slots=True, eq=False)
class _Call:
    """A command on its way."""

    command: tuple[Any, ...]
    answer: "asyncio.Future[Any]"

    @property
    def size(self) -> int:
        """Bytes, of what is any number of them."""
        return sum(len(part) for part in self.command if isinstance(part, bytes))


class Link:
    """Runs scripts of one lane. What is given while another is under way goes along with the next, at once.

    A command that no answer came to is sent again, so that each must bear being said twice. One whose answer nobody waits for
    any more is not, nor is it sent at all if it was not yet.
    """

    def __init__(self, url: str, root: str, scripts: Sequence[Script]) -> None:
        self._client = asking(url)
        self._root, self._scripts = root, {script.name: script for script in scripts}
        self._trouble = Trouble(url)
        self._calls: deque[_Call] = deque()
        self._given = asyncio.Event()
        self._fatal: QueueError | None = None
        self.connected = False

    @property
    def why(self) -> str:
        """Why nothing can be asked now, for a person; empty if it can."""
        if self._fatal is not None:
            return str(self._fatal)
        return self._trouble.why or ("" if self.connected else "connecting to the queue between front ends and workers")

    @property
    def fatal(self) -> QueueError | None:
        """Why this will never do, if so."""
        return self._fatal

    def run(self, script: str, *arguments: Any, root: str = "") -> "asyncio.Future[Any]":
        """Its answer, which may be cancelled. Fails with RedisError if the server refuses.

        `root` is another one, with the same hash tag.
        """
        return self.command("EVALSHA", self._scripts[script].sha, 1, root or self._root, *arguments)

    def command(self, *command: Any) -> "asyncio.Future[Any]":
        call = _Call(command, asyncio.get_running_loop().create_future())
        self._calls.append(call)
        self._given.set()
        return call.answer

    async def work(self) -> None:
        """Send until cancelled. Returns if the server will never do: `fatal` then says why."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._greet()
                self.connected, pause = True, FIRST_PAUSE
                self._trouble.ends()
                await self._send_all()
            except (RedisError, *OUTAGES) as error:
                self.connected = False
                if (why := refused(error, self._trouble.address)) is not None:
                    self._fatal = why
                    return
                self._trouble.begins(error)
            except QueueError as error:
                self._fatal = error
                return
            await self._client.connection_pool.disconnect()
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def close(self) -> None:
        with contextlib.suppress(RedisError, *OUTAGES):
            await self._client.aclose()

    async def _greet(self) -> None:
        await self._client.exists(self._root)  # of a cluster only the node that has it answers
        check_server(await self._client.info("server"))
        for command in loading(self._scripts.values()):
            await self._client.execute_command(*command)

    async def _send_all(self) -> None:
        while True:
            await self._given.wait()
            while calls := self._next():
                await self._send(calls)
            self._given.clear()

    def _next(self) -> list[_Call]:
        """What to send now: it stays where it is until it is answered."""
        waiting = self._calls = deque(call for call in self._calls if not call.answer.done())
        now, size = list[_Call](), 0
        for call in waiting:
            size += call.size
            if now and (len(now) >= _MOST or size > _MOST_BYTES):
                break
            now.append(call)
        return now

    async def _send(self, calls: list[_Call]) -> None:
        pipeline = self._client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*call.command)
        answers = await pipeline.execute(raise_on_error=False)
        unknown: BaseException | None = None
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, BaseException) and (passes(answer) or fatal(answer)):
                unknown = answer  # it forgot its scripts, or is on its way to somewhere: greeted again, it may do it
            elif not call.answer.done():
                if isinstance(answer, BaseException):
                    call.answer.set_exception(answer)
                else:
                    call.answer.set_result(answer)
        if unknown is not None:
            raise unknown
