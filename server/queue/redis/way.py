"""A thread's way to Redis: a connection that is made when it is needed, and made again after trouble."""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from .connecting import FIRST_PAUSE, LONGEST_PAUSE, Trouble, blocking, check_server, loading
from .errors import OUTAGES, RedisError, fatal, passes, refused
from .layout import Script


class Unreachable(Exception):
    """The server cannot be asked now. It was waited for a moment already."""


class Way:
    """One thread's connection. It is made, and greeted, when it is needed; after trouble it is not tried too often."""

    def __init__(self, url: str, root: str, known: Sequence[Script], trouble: Trouble) -> None:
        self._client = blocking(url)
        self._root, self._scripts, self._trouble = root, {script.name: script for script in known}, trouble
        self._greeted, self._pause, self._not_before = False, FIRST_PAUSE, 0.0

    def run(self, script: str, *arguments: Any) -> Any:
        """What it answers. Raises Unreachable, QueueError, or RedisError where the server refuses."""
        return self.run_all([(script, *arguments)])[0]

    def run_all(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Several at once; what the server refused stands among the answers as an error. Raises Unreachable, QueueError."""
        commands = [("EVALSHA", self._scripts[name].sha, 1, self._root, *rest) for name, *rest in calls]
        answers: list[Any] = self._try(lambda: self._pipeline(commands))
        return answers

    def listen(self, bell: str, seconds: float) -> None:
        """Return when it is rung, or when the time is over. Raises Unreachable, QueueError."""
        self._try(lambda: self._client.blpop([bell], timeout=max(0.01, seconds)))

    def _pipeline(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        pipeline = self._client.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, RedisError) and passes(answer):
                raise ConnectionError(str(answer))
            if isinstance(answer, RedisError) and fatal(answer):
                raise answer
        return answers

    def _try(self, act: Callable[[], Any]) -> Any:
        if (wait := self._not_before - time.monotonic()) > 0:
            time.sleep(wait)
        try:
            if not self._greeted:
                self._greet()
            answer = act()
        except (RedisError, *OUTAGES) as error:
            self._broken(error)
            raise Unreachable(str(error)) from error
        self._trouble.ends()
        return answer

    def _greet(self) -> None:
        self._client.exists(self._root)  # of a cluster only the node that has it answers
        check_server(self._client.info("server"))
        for command in loading(self._scripts.values()):
            self._client.execute_command(*command)
        self._greeted, self._pause = True, FIRST_PAUSE

    def _broken(self, error: Exception) -> None:
        self._greeted = False
        with contextlib.suppress(RedisError, *OUTAGES):
            self._client.connection_pool.disconnect()
        if (why := refused(error, self._trouble.address)) is not None:
            raise why from error
        self._trouble.begins(error)
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def close(self) -> None:
        with contextlib.suppress(RedisError, *OUTAGES):
            self._client.close()
