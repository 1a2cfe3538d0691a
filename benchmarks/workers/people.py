"""Who uses what is measured: live users with a camera's pace, and programs that ask for stills."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx
from allaprima import sources
from allaprima.errors import StreamError
from allaprima.stream import Problem, Stream

from wire import AnswerKind

_REST_WITHIN = 60.0


@dataclass
class Person:
    """A live user, and what they saw. `painted` are the times of images, by time.monotonic."""

    seed: int
    painted: list[float] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    failure: str = ""
    stream: Stream | None = None

    def gap(self, begin: float, end: float) -> float:
        """The longest time without an image between the two."""
        inside = [begin, *(at for at in self.painted if begin < at < end), end]
        return max(later - before for before, later in itertools.pairwise(inside))

    def between(self, begin: float, end: float) -> int:
        return sum(begin <= at < end for at in self.painted)


@contextlib.asynccontextmanager
async def people(url: str, count: int, fps: float) -> AsyncIterator[list[Person]]:
    """So many live users at work, each of whom has seen an image by now; they come back when their connection is lost."""
    crowd = [Person(seed) for seed in range(count)]
    tasks = [asyncio.create_task(_live(url, person, fps, index / count)) for index, person in enumerate(crowd)]
    try:
        async with asyncio.timeout(30):
            while not all(person.painted for person in crowd):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        yield crowd
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _live(url: str, person: Person, fps: float, phase: float) -> None:
    frames = itertools.cycle(sources.moving(256, 256))
    try:
        async with Stream(url, "a boat", reconnect=True, open_timeout=10.0, seed=person.seed, similarity=None) as stream:
            person.stream = stream
            receiving = asyncio.create_task(_receive(stream, person))
            try:
                begun = time.monotonic()
                for number in itertools.count():
                    await asyncio.sleep(max(0.0, begun + (number + phase) / fps - time.monotonic()))
                    if stream.has_room:
                        await stream.send(next(frames))
            finally:
                receiving.cancel()
    except StreamError as error:
        person.failure = f"{type(error).__name__}: {error}"


async def _receive(stream: Stream, person: Person) -> None:
    while True:
        answer = await stream.receive()
        if isinstance(answer, Problem):
            person.others[answer.code] += 1
        elif answer.kind is AnswerKind.IMAGE:
            person.painted.append(time.monotonic())
        else:
            person.others[answer.kind.name.lower()] += 1


Found = tuple[int, int, str]


async def stills(port: int, seeds: Sequence[int], found: list[Found] | None = None) -> list[Found]:
    """A still of each seed, all at once: seed that was painted, status, and what was wrong. `found` has those there are."""
    found = [] if found is None else found
    limits = httpx.Limits(max_connections=len(seeds))
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=_REST_WITHIN, limits=limits, trust_env=False
    ) as http:
        for done in asyncio.as_completed([_still(http, seed) for seed in seeds]):
            found.append(await done)
    return found


async def _still(http: httpx.AsyncClient, seed: int) -> Found:
    try:
        reply = await http.post("/v1/images/generations", json={"prompt": "a boat", "seed": seed, "output_format": "jpeg"})
    except httpx.TransportError as error:
        return -1, 0, repr(error)
    if reply.status_code != 200:
        return -1, reply.status_code, reply.json()["error"]["message"]
    return int(reply.json()["data"][0]["seed"]), 200, ""
