"""What happens when something dies, hangs or is cut off, under live users and stills.

How long nobody sees an image, and what is lost: each returns figures, in seconds. A test holds them to what is promised.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from allaprima import sources
from allaprima.stream import Problem, Stream

from ..serving import Serving, get
from .cable import HERE, cable
from .people import Found, Person, people, stills
from .stand import Relay, Stand

_AFTER = 3.0
"""Seconds for which is looked on after what happened."""
_FPS = 3.0
"""Frames a second of each live user: so few that there is time for stills, too."""

Figures = dict[str, Any]


def _seen(crowd: list[Person], since: float, until: float) -> Figures:
    others: Counter[str] = sum((person.others for person in crowd), Counter())
    return {
        "live_gap_s": round(max(person.gap(since, until) for person in crowd), 2),
        "live_others": dict(others),
        "live_failures": [person.failure for person in crowd if person.failure],
    }


def _asked(found: list[tuple[int, int, str]], seeds: range) -> Figures:
    right = Counter(seed for seed, status, _ in found if status == 200)
    return {
        "stills_painted": sum(right.values()),
        "stills_lost": len(set(seeds) - set(right)),
        "stills_twice": sum(count > 1 for count in right.values()),
        "stills_refused": Counter(f"{status} {why}" for _, status, why in found if status != 200),
    }


async def worker_killed(stand: Stand, users: int = 8, asked: int = 50) -> Figures:
    """One of two workers is killed in mid-tick, under live users and stills."""
    (doomed, _), [front] = stand.have(workers=2, fronts=1)
    seeds = range(asked)
    async with people(front.url, users, _FPS) as crowd:
        asking = asyncio.create_task(stills(front.port, seeds))
        await asyncio.sleep(0.3)
        doomed.process.kill()
        killed = time.monotonic()
        found = await asking
        done = time.monotonic() - killed
        await asyncio.sleep(max(0.5, _AFTER - done))
        return {**_seen(crowd, killed, time.monotonic()), **_asked(found, seeds), "stills_done_s": round(done, 2)}


async def stream_kills(stand: Stand, users: int = 4) -> Figures:
    """One live user's frames kill each worker that begins one, of three, under other live users."""
    workers, [front] = stand.have(workers=3, fronts=1)
    async with people(front.url, users, _FPS) as crowd:
        begun = time.monotonic()
        async with Stream(front.url, "fake:kill", reconnect=True, similarity=None) as poison:
            codes = [await _one_frame(poison)]
            while codes[-1] not in ("set_aside", "image"):
                codes.append(await _one_frame(poison))
            told = time.monotonic()
            codes += [await _one_frame(poison) for _ in range(20)]
            killed = sum(worker.process.poll() is not None for worker in workers)
            await poison.params(prompt="a boat")
            painted = await _one_frame(poison)
        await asyncio.sleep(1.0)
        seen = _seen(crowd, begun, time.monotonic())
        return {
            **seen, "workers_killed": killed, "told_s": round(told - begun, 2), "before": dict(Counter(codes[:-20])),
            "after": dict(Counter(codes[-20:])), "with_other_params": painted,
        }  # fmt: skip


async def _one_frame(stream: Stream) -> str:
    """Send a frame, and what becomes of it."""
    await stream.send(sources.still(256, 256)[0])
    answer = await stream.receive()
    return answer.code if isinstance(answer, Problem) else answer.kind.name.lower()


async def worker_drained(stand: Stand, users: int = 8, asked: int = 50) -> Figures:
    """One of two workers is told to end: nothing is lost, and nobody waits for what it had."""
    (leaving, _), [front] = stand.have(workers=2, fronts=1)
    seeds = range(asked)
    async with people(front.url, users, _FPS) as crowd:
        asking = asyncio.create_task(stills(front.port, seeds))
        await asyncio.sleep(0.3)
        leaving.process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        status = await asyncio.to_thread(leaving.process.wait, 30)
        ended = time.monotonic() - told
        found = await asking
        await asyncio.sleep(1.0)
        figures = {**_seen(crowd, told, time.monotonic()), **_asked(found, seeds)}
        return {**figures, "ended_s": round(ended, 2), "status": status}


async def front_killed(stand: Stand, users: int = 4) -> Figures:
    """A front end is killed; its live users come back to another, by the same address, and go on with what was in force."""
    _, (doomed, other) = stand.have(workers=1, fronts=2)
    async with Relay(doomed.port, other.port).running() as relay, people(f"ws://127.0.0.1:{relay.port}", users, _FPS) as crowd:
        await asyncio.sleep(2.0)  # what is in force is kept once a second
        sessions = [person.stream.session for person in crowd if person.stream]
        doomed.process.kill()
        killed = time.monotonic()
        await asyncio.sleep(_AFTER)
        streams = [person.stream for person in crowd if person.stream]
        kept = sum(stream.in_force.get("seed") == person.seed for stream, person in zip(streams, crowd, strict=True))
        same = sum(stream.session == before for stream, before in zip(streams, sessions, strict=True))
        back = max(min((at for at in person.painted if at > killed + 0.1), default=killed + 99) for person in crowd) - killed
        return {**_seen(crowd, killed, time.monotonic()), "back_s": round(back, 2), "params_kept": kept, "sessions_kept": same}


async def redis_restarted(stand: Stand, users: int = 4, asked: int = 60) -> Figures:
    """The queue's server is killed and started again, empty, under live users and stills."""
    _, [front] = stand.have(workers=1, fronts=1)
    seeds = range(asked)
    async with people(front.url, users, _FPS) as crowd:
        answered = list[Found]()
        asking = asyncio.create_task(stills(front.port, seeds, answered))
        # all are admitted, however long that takes: who comes while nobody can be asked is refused
        while (await asyncio.to_thread(front.metric, "allaprima_stills") or 0) + len(answered) < asked:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        stand.redis.kill()
        killed = time.monotonic()
        await asyncio.to_thread(stand.redis.start)
        back = time.monotonic()
        found = await asking
        await asyncio.sleep(_AFTER)
        figures = {**_seen(crowd, killed, time.monotonic()), **_asked(found, seeds)}
        return {**figures, "away_s": round(back - killed, 2)}


async def redis_hangs(stand: Stand, users: int = 4, seconds: float = 10.0) -> Figures:
    """The queue's server answers nobody for a while."""
    _, [front] = stand.have(workers=1, fronts=1)
    async with people(front.url, users, _FPS) as crowd:
        before = Counter(person.others["dropped"] for person in crowd)
        stand.redis.pause()
        hung = time.monotonic()
        await asyncio.sleep(seconds - 0.5)
        status, said = await asyncio.to_thread(get, front.port, "/readyz")
        dropped = sum(person.others["dropped"] for person in crowd) - sum(before)
        await asyncio.sleep(0.5)
        stand.redis.go_on()
        back = time.monotonic()
        await asyncio.sleep(_AFTER)
        again = max(min((at for at in person.painted if at > back), default=back + 99) for person in crowd) - back
        return {
            **_seen(crowd, hung, time.monotonic()), "away_s": round(back - hung, 1), "recovered_s": round(again, 2),
            "dropped": dropped, "readyz": status, "reason": said,
        }  # fmt: skip


async def worker_cut_off(stand: Stand, users: int = 4) -> Figures:
    """The network between one of two workers and the queue is cut for a while: connections stay, and nothing comes."""
    async with Relay(stand.redis.port).running() as relay:
        cut = await asyncio.to_thread(stand.worker, queue=f"redis://127.0.0.1:{relay.port}")
        _, [front] = stand.have(workers=2, fronts=1)
        async with people(front.url, users, _FPS) as crowd:
            relay.cut()
            since = time.monotonic()
            await asyncio.sleep(_AFTER)
            seen = _seen(crowd, since, time.monotonic())
            relay.mend()
            mended, had = time.monotonic(), cut.metric("allaprima_images_total") or 0
            while (cut.metric("allaprima_images_total") or 0) < had + 5 and time.monotonic() < mended + 20:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            return {**seen, "at_work_again_s": round(time.monotonic() - mended, 2)}


async def worker_unplugged(stand: Stand, users: int = 4) -> Figures:
    """The same by a network of the worker's own, whose cable is pulled. Raises NoNamespaces where there can be none."""

    async def seen_at_work(count: int) -> float:
        """Seconds until the front end sees so many workers."""
        begun = time.monotonic()
        async with asyncio.timeout(60):
            while await asyncio.to_thread(front.metric, "allaprima_queue_workers") != count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return round(time.monotonic() - begun, 2)

    with cable() as wire:
        async with Relay(stand.redis.port).running(HERE) as relay:
            _, [front] = stand.have(workers=1, fronts=1)
            stand.unreachable_worker(wire.inside, f"redis://{HERE}:{relay.port}")
            await seen_at_work(2)
            async with people(front.url, users, _FPS) as crowd:
                wire.pull()
                since = time.monotonic()
                missed = await seen_at_work(1)
                await asyncio.sleep(_AFTER)
                seen = _seen(crowd, since, time.monotonic())
                wire.plug_in()
                return {**seen, "missed_after_s": missed, "at_work_again_s": await seen_at_work(2)}


async def slow_worker(stand: Stand, users: int = 8, seconds: float = 6.0) -> Figures:
    """A worker ten times slower than another has a tenth of the work, and holds nobody up."""
    slow, quick = stand.worker(tick=0.2), stand.worker(tick=0.02)
    front = stand.front()

    def painted(worker: Serving) -> float:
        return worker.metric("allaprima_images_total") or 0.0

    async with people(front.url, users, 15.0) as crowd:
        begun, before = time.monotonic(), (painted(slow), painted(quick))
        await asyncio.sleep(seconds)
        by_slow, by_quick = painted(slow) - before[0], painted(quick) - before[1]
        share = by_slow / max(1.0, by_slow + by_quick)
        return {**_seen(crowd, begun, time.monotonic()), "slow_share": round(share, 3), "images": by_slow + by_quick}


Kill = Callable[[Stand], Awaitable[Figures]]
KILLS: dict[str, Kill] = {
    kill.__name__: kill
    for kill in (
        worker_killed, stream_kills, worker_drained, front_killed, redis_restarted, redis_hangs, worker_cut_off,
        worker_unplugged, slow_worker,
    )
}  # fmt: skip


async def run(name: str) -> Figures:
    """One of them, with processes of its own."""
    with Stand() as stand:
        return await KILLS[name](stand)
