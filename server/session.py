"""One live user: params in force, the newest frame, the similarity filter, and answers in order. No sockets here.

All methods run on the event loop, and none of them computes: frames are decoded, and looked at, by the codec pool.
"""

import asyncio
import hashlib
import itertools
import json
import random
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

import wire
from engines.student import Student
from wire import AnswerKind, FrameIn, FrameOut, WireError

from . import codec
from .codec_pool import CodecPool, Decoded
from .connection_counts import ConnectionCounts
from .feed import Feed
from .mailbox import Mailbox
from .metrics import StudentMetrics
from .params import Params, Similarity, first_params, merge, normalised
from .queue import FrontQueue, QueueFull
from .session_store import Kept
from .similarity import SimilarityFilter
from .types import STREAM, Job, Outcome, Prompt, Refusal, Result

MOST_UNANSWERED = 64
"""Frames without an answer after which nothing more is read. Only a client that ignores its window gets there."""
MAX_TEXT = 16_384
"""Characters of a text message beside its prompt: it is parsed on the event loop."""
_ESCAPED = 12
"""Characters that JSON may take to say one."""
MOST_PARTS = 16
"""Prompts in the blend a travel starts from: each one costs the engine."""

_REASONS = {
    "bad_params": Refusal.BAD_REQUEST,
    "bad_image": Refusal.BAD_REQUEST,
    "full": Refusal.FULL,
    "unsupported_strength": Refusal.UNSUPPORTED,
}
"""Codes of errors that are refusals, beside those of messages that break the protocol. The others are failures of ours."""

_job_ids = itertools.count(secrets.randbits(30) << 32)

Message = str | bytes


def next_job_id() -> int:
    """Unique over all processes for all practical purposes, and cheap."""
    return next(_job_ids)


def _depth(steps: int) -> int:
    """Jobs of one session in flight: one at each step of the tick that runs, one decoded for the next."""
    return steps + 1


class Travel:
    """The prompt in force now, on its way from an old one to a new one over some seconds."""

    def __init__(self, prompt: Prompt) -> None:
        self._start: Prompt = prompt
        self._goal: Prompt = prompt
        self._began, self._seconds = 0.0, 0.0

    def to(self, prompt: Prompt, seconds: float, now: float) -> None:
        # turned around again and again, a blend would grow without end
        heaviest = sorted(self.at(now), key=lambda part: -part[1])[:MOST_PARTS]
        self._start, self._goal = normalised(heaviest), prompt
        self._began, self._seconds = now, seconds

    def arrived(self, now: float) -> bool:
        return now >= self._began + self._seconds

    def at(self, now: float) -> Prompt:
        if self.arrived(now):
            return self._goal
        done = (now - self._began) / self._seconds
        weights: dict[str, float] = {}
        for prompt, share in ((self._start, 1 - done), (self._goal, done)):
            for text, weight in prompt:
                weights[text] = weights.get(text, 0.0) + share * weight
        return normalised(list(weights.items()))


class Session:
    """State of one live user. `send` takes messages for the client, in order; it must not block.

    `token` is the client's, to come back with, and nobody else's; `name` is what logs, traces and books call the session.
    `watch` lets its holder see what is painted, in `feed`, and do nothing else.
    `owner` is whose it is; it may be another's after it came back, as when a telephone changes its network.

    `given_up` is set when another connection comes for the session, and `left` when the one that is in it has left.

    `counts` are what one connection brings, and `trace` is that connection's span: whoever connects sets them.

    `room` says whether there is room for a second job of an owner's session; the first is always taken. `patience` gives
    the seconds after which a frame of so many steps is not worth painting. `idle` says whether nobody's image waits or is
    being painted. `unknown` names the words of texts that the student does not know, `scales` by how many times pictures can
    be made larger now.
    """

    def __init__(
        self,
        student: Student,
        owner: str,
        queue: FrontQueue,
        pool: CodecPool,
        metrics: StudentMetrics,
        room: Callable[[str], bool],
        max_prompt: int,
        patience: Callable[[int], float],
        idle: Callable[[], bool] = lambda: False,
        unknown: Callable[[Sequence[str]], list[str]] = lambda texts: [],
        paints_here: bool = True,
        scales: Callable[[], Collection[int] | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = secrets.token_urlsafe(12)
        self.watch = secrets.token_urlsafe(16)
        self.name = f"live-{secrets.token_hex(6)}"
        self.feed = Feed()
        self.student, self.owner = student, owner
        self._in_force(first_params(student))
        self.rev = 0
        self.send: Callable[[Message], None] = lambda message: None
        self.counts = ConnectionCounts()
        self.given_up, self.left = asyncio.Event(), asyncio.Event()
        self.trace = ""
        self._queue, self._pool, self._metrics, self._room, self._clock = queue, pool, metrics, room, clock
        self._max_prompt, self._patience, self._idle, self._unknown = max_prompt, patience, idle, unknown
        self._paints_here, self._scales = paints_here, scales
        self._travel = Travel(self.params.blend())
        self._filter = SimilarityFilter(random.Random())
        self._begin()

    def _begin(self) -> None:
        """What belongs to one connection and not to the session."""
        self._mailbox: Mailbox[tuple[FrameIn, float]] = Mailbox()  # with the time of arrival
        self._unanswered: OrderedDict[int, Message | None] = OrderedDict()
        self._last_id = -1
        self._in_flight: set[asyncio.Task[None]] = set()
        self._freed = asyncio.Event()
        self._answered = asyncio.Event()
        self._filter.reset()

    def kept(self) -> Kept:
        """What another front end needs to go on with it."""
        return Kept(self.token, self.watch, self.name, self.student.name, self.rev, self.params.model_dump(mode="json"))

    def restore(self, kept: Kept) -> None:
        """Be the session that another front end left. Raises ValidationError if its params are none."""
        # json, since a blend is a tuple here and a list there
        params = Params.model_validate_json(json.dumps(kept.params))
        self.token, self.watch, self.name, self.rev = kept.token, kept.watch, kept.name, kept.rev
        self._in_force(params)
        self._travel = Travel(self.params.blend())

    def _in_force(self, params: Params) -> None:
        self.params, self._strength = params, params.strength_of(self.student)
        digest = hashlib.blake2s(params.model_dump_json().encode(errors="replace"), digest_size=8).hexdigest()
        self._series = f"{self.name}-{digest}"

    @property
    def window(self) -> int:
        """Frames a client may leave unanswered: those in flight and the one in the mailbox."""
        return _depth(self.student.longest_job) + 1

    def _steps(self) -> int:
        return len(self.student.contract.repaint(self._strength)) if self.student.img2img else self.student.longest_job

    # what the client says ----------------------------------------------------------------------------------------

    def text(self, text: str) -> None:
        """Take a text message; the answer, or what is wrong with it, is sent."""
        try:
            if len(text) > MAX_TEXT + _ESCAPED * self._max_prompt:
                raise WireError("bad_message", f"a text message of {len(text)} characters is too long")
            message = wire.decode_text(text)
            if message.pop("type") != "params":
                raise WireError("bad_message", 'the only text message a client sends is of type "params"')
            self._change(message)
        except WireError as error:
            self._complain(error)

    def unknown(self) -> list[str]:
        """Words of the prompt in force that the student does not know."""
        return self._unknown([text for text, _ in self.params.blend()])

    def _complain(self, error: WireError) -> None:
        """Say what is wrong with a message that is not a frame to be answered."""
        self.counts.errors += 1
        self._metrics.refused(_REASONS.get(error.code, Refusal.PROTOCOL))
        self.send(wire.encode_text(wire.error(error.code, str(error))))

    def _change(self, changes: dict[str, Any]) -> None:
        old, new = self.params, merge(self.params, changes, self._max_prompt, self.student, self._scales())
        if new.blend() != old.blend():
            self._travel.to(new.blend(), new.transition, self._clock())
        self._in_force(new)
        self.rev += 1
        self._filter.reset()
        told = self.params.told(self.student)
        size = self.params.size_of(self.student)
        self.send(wire.encode_text(wire.params_in_force(self.rev, told, unknown=self.unknown(), size=size)))

    def frame(self, data: bytes) -> bool:
        """Take a binary message; whether it is a frame to paint. One that was waiting gives way to it."""
        try:
            frame = FrameIn.decode(data)
        except WireError as error:
            self._complain(error)
            return False
        if frame.id <= self._last_id:
            why = f"frame ids must grow: {frame.id} came after {self._last_id}; this frame was not painted"
            self._complain(WireError("bad_id", why))
            return False
        self._last_id = frame.id
        self.counts.frames += 1
        self._unanswered[frame.id] = None
        pushed = self._mailbox.put((frame, self._clock()))
        if pushed is not None:
            self._count(Outcome.DROPPED_NEWER)
            dropped, _ = pushed
            self._answer(dropped.id, FrameOut(dropped.id, AnswerKind.DROPPED, rev=self.rev).encode())
        return True

    async def room_for_more(self) -> None:
        """Wait until so few frames are unanswered that more may be read."""
        while len(self._unanswered) >= MOST_UNANSWERED:
            self._answered.clear()
            await self._answered.wait()

    # the way of a frame ------------------------------------------------------------------------------------------

    async def paint(self) -> None:
        """Move frames from the mailbox to the queue until cancelled; whatever is in flight is then withdrawn."""
        try:
            while True:
                await self._paint_one(*await self._mailbox.take())
                # a student of T steps paints T frames at once, each at a step of its own (StreamDiffusion's Stream Batch)
                while len(self._in_flight) >= _depth(self._steps()) or (self._in_flight and not self._room(self.owner)):
                    self._freed.clear()
                    await self._freed.wait()
        finally:
            for task in self._in_flight:
                task.cancel()
            self._begin()

    async def _paint_one(self, frame: FrameIn, arrived: float) -> None:
        deadline = arrived + self._patience(self._steps())
        try:
            async with asyncio.timeout(max(0.0, deadline - self._clock())):  # its owner's turn may come too late
                decoded = await self._decode(frame, self.params) if self._decodes(self.params) else None
        except TimeoutError:
            self._count(Outcome.DROPPED_LATE)
            self._answer(frame.id, FrameOut(frame.id, AnswerKind.DROPPED, rev=self.rev).encode())
            return
        except codec.BadImage as error:
            self._count(Outcome.FAILED)
            self._metrics.refused(_REASONS["bad_image"])
            self._answer(frame.id, wire.encode_text(wire.error("bad_image", str(error), frame.id)))
            return
        # now, since they may have changed meanwhile, which starts the filter anew
        params, rev, strength, series = self.params, self.rev, self._strength, self._series
        if decoded is None:
            self._filter.reset()
        elif self._is_similar(decoded, params, arrived):
            self._count(Outcome.REPEAT)
            self._answer(frame.id, FrameOut(frame.id, AnswerKind.REPEAT, rev=rev).encode())
            return
        job = Job(
            id=next_job_id(),
            owner=self.owner,
            api=STREAM,
            prompt=self._travel.at(self._clock()),
            seed=params.seed,
            created=arrived,
            deadline=deadline,
            image=frame.image,
            pixels=None if decoded is None else decoded.pixels,
            decoding=0.0 if decoded is None else decoded.seconds,
            strength=strength,
            looks=params.looks(self.student),
            repaint=self.student.img2img,
            show=params.show,
            upscale=params.upscale if params.show == "painting" else 1,
            guidance=params.guidance,
            format=params.format,
            quality=params.quality,
            session=self.name,
            request=self.name,
            series=series,
            trace=self.trace,
        )
        task = asyncio.create_task(self._await_result(frame.id, rev, job))
        self._in_flight.add(task)
        task.add_done_callback(self._job_done)

    def _job_done(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        self._freed.set()

    def _filters(self, params: Params) -> Similarity | None:
        """The filter that is wanted now; none while the prompt travels, since every frame is then painted otherwise."""
        return params.similarity if self._travel.arrived(self._clock()) else None

    def _decodes(self, params: Params) -> bool:
        """Whether a frame is decoded here: for who paints here, or for the filter. Else that is the worker's to do, once."""
        return self._paints_here or self._filters(params) is not None

    async def _decode(self, frame: FrameIn, params: Params) -> Decoded:
        """Once, for the filter and for the tick. Raises BadImage."""
        wanted, student = self._filters(params), self.student
        look = None if wanted is None else partial(self._filter.view, measure=wanted.measure)
        return await asyncio.wrap_future(self._pool.decode(self.owner, frame.image, student.width, student.height, look))

    def _is_similar(self, decoded: Decoded, params: Params, arrived: float) -> bool:
        wanted = self._filters(params)
        if wanted is None or decoded.seen is None:
            self._filter.reset()
            return False
        return self._filter.judge(decoded.seen, wanted, arrived, self._idle()).skip

    async def _await_result(self, frame_id: int, rev: int, job: Job) -> None:
        try:
            result = await self._queue.submit(job)
        except QueueFull as error:
            self._metrics.outcome(Outcome.REFUSED)
            result = Result(job.id, Outcome.REFUSED, code="full", message=f"{error}; try again in a moment")
        if result.outcome is Outcome.IMAGE:
            self.counts.image(self._clock() - job.created, result.joules, result.meter)
        else:
            self.counts.outcomes[result.outcome] += 1
            self._filter.reset()  # the client never got the image that later frames would be compared with
        if (reason := _REASONS.get(result.code)) is not None:
            self._metrics.refused(reason)
        self._answer(frame_id, _message(frame_id, rev, result))

    def _count(self, outcome: Outcome) -> None:
        """Count a frame that became no job; those that did are counted by whoever ran them."""
        self._metrics.outcome(outcome)
        self.counts.outcomes[outcome] += 1

    def _answer(self, frame_id: int, message: Message) -> None:
        """Answers leave in order of id: hold this one until all before it are there."""
        self._unanswered[frame_id] = message
        while self._unanswered:
            first, ready = next(iter(self._unanswered.items()))
            if ready is None:
                return
            del self._unanswered[first]
            self._answered.set()
            self.send(ready)
            if isinstance(ready, bytes) and (image := wire.image_in(ready)):
                self.feed.show(image)


def _message(frame_id: int, rev: int, result: Result) -> Message:
    if result.outcome is Outcome.IMAGE:
        t = result.timings
        wait, decode, engine, encode = (round(seconds * 1e6) for seconds in (t.wait, t.decode, t.engine + t.upscale, t.encode))
        return FrameOut(frame_id, AnswerKind.IMAGE, result.rows, rev, wait, decode, engine, encode, result.image).encode()
    if result.outcome is Outcome.DROPPED_LATE:
        return FrameOut(frame_id, AnswerKind.DROPPED, rev=rev).encode()
    return wire.encode_text(wire.error(result.code, result.message, frame_id))
