"""Who comes to a soak: people who stream, change their minds, send nonsense, hang up and come back; and what they post."""

import asyncio
import contextlib
import json
import random
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from allaprima.address import stream_url
from allaprima.errors import Full, StreamError

from .visit import Over, SoakCounts, Visit

_PROMPTS = ("watercolor", "neon", "a red heart, oil painting", "a person, pencil sketch", "mosaic, winter", "")
_BAD_TEXTS = ("nonsense", "[]", '{"type":"hello"}', '{"type":"params","strength":2}', '{"type":"params","colour":"red"}')
_BAD_IMAGES = (b"not an image", b"GIF89a" + bytes(50), b"\xff\xd8\xff\xe0 cut short", b"\x89PNG\r\n\x1a\n" + bytes(20))
_BAD_REQUESTS: tuple[dict[str, object], ...] = ({}, {"prompt": "x", "n": 0}, {"prompt": "x", "size": "1x1"}, {"prompt": 5})
_ODD = 0.08
"""Of what people do, the share that is not just another frame."""
_VANISH = 0.3
_COME_BACK = 0.5
_STALLING = 0.25
"""Seconds that the slow reader takes over each message."""
_BUSY = (429, 503)


@dataclass(frozen=True)
class Place:
    """Where they go. `visit_seconds` is how long a visit is on average, `fps` a camera's pace, or 0 to keep windows full."""

    url: str
    key: str | None
    student: str | None
    frames: Sequence[bytes]
    visit_seconds: float
    fps: float


class Person:
    """One client, which comes and goes until it is told that all is over. Its own generator makes it do the same each time."""

    def __init__(self, place: Place, tally: SoakCounts, over: asyncio.Event, seed: int, slow: bool = False) -> None:
        self._place, self._tally, self._over = place, tally, over
        self._rng = random.Random(seed)
        self._slow = slow
        self._next = seed * 7 % len(place.frames)

    async def live(self) -> None:
        """Visit after visit."""
        resume: str | None = None
        while not self._over.is_set():
            url = stream_url(self._place.url, self._place.student, resume)
            try:
                visit = await Visit.begin(url, self._place.key, self._tally, _STALLING if self._slow else 0.0)
            except StreamError as refused:
                self._tally.refused[type(refused).__name__] += 1
                await self._sleep(1.0 if isinstance(refused, Full) else 0.2)
                continue
            self._tally.resumed += visit.session == resume
            resume = await self._visit(visit)

    async def _visit(self, visit: Visit) -> str | None:
        """A visit from the first frame to the end; the session to come back to, if any."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._rng.uniform(0.5, 1.5) * self._place.visit_seconds
        vanish = self._rng.random() < _VANISH
        try:
            await visit.params(similarity=None, prompt=self._rng.choice(_PROMPTS), format="png" if self._slow else "jpeg")
            await visit.frame(self._frame())
            while loop.time() < until and not self._over.is_set():
                await (self._odd(visit) if self._rng.random() < _ODD else visit.frame(self._frame()))
                if self._place.fps:
                    await self._sleep(1 / self._place.fps)
        except Over:
            vanish = False  # the server was first: what it left unanswered is its own fault
        if vanish and not self._over.is_set():
            await visit.vanish()
        else:
            await visit.leave()
        return visit.session if self._rng.random() < _COME_BACK else None

    async def _odd(self, visit: Visit) -> None:
        what = self._rng.randrange(6)
        if what == 0:
            await visit.params(prompt=self._rng.choice(_PROMPTS), seed=self._rng.randrange(1000), transition=self._rng.random())
        elif what == 1:
            await visit.params(similarity=self._rng.choice([None, {"threshold": 0.9, "max_skips": 3}]))
        elif what == 2:
            await visit.say(self._rng.choice(_BAD_TEXTS))
        elif what == 3:
            await visit.frame(self._rng.choice(_BAD_IMAGES))
        elif what == 4:
            await visit.say(b"\x01")
        else:
            await visit.same_id_again(self._frame())

    def _frame(self) -> bytes:
        self._next = (self._next + 1) % len(self._place.frames)
        return self._place.frames[self._next]

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)


async def order_stills(place: Place, tally: SoakCounts, over: asyncio.Event, every: float, seed: int) -> None:
    """Post for a still every so many seconds, and now and then for something that cannot be, until all is over."""
    rng = random.Random(seed)
    while not over.is_set():
        wrong = rng.random() < 0.2
        body = rng.choice(_BAD_REQUESTS) if wrong else {"prompt": rng.choice(_PROMPTS), "n": rng.choice([1, 1, 2])}
        tally.stills += 1
        status = await asyncio.to_thread(_post, place, body)
        if status == 0:
            tally.stills_unanswered += 1
        elif (status == 400) != wrong and status not in _BUSY:
            tally.complaints[f"HTTP {status}"] += 1
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), every)


def _post(place: Place, body: dict[str, object]) -> int:
    """The status of the answer; 0 if there was none."""
    parts = urlsplit(place.url)
    url = f"{'https' if parts.scheme in ('https', 'wss') else 'http'}://{parts.netloc}/v1/images/generations"
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {place.key}"} if place.key else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code
    except OSError:
        return 0
