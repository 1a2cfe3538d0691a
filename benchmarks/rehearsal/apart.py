"""A front end and two workers with a queue between them, and what becomes of them: for the dashboard of the queue."""

import asyncio

from ..serving import Serving
from ..workers.stand import Stand
from . import traffic

SECONDS = 80.0
_USERS = 8
_FPS = 6.0


async def use(front: Serving, seconds: float, users: int = _USERS, fps: float = _FPS) -> None:
    """Live users, and programs that ask for stills."""
    moving = traffic.moving_scene()
    await asyncio.gather(
        *(traffic.user(front.port, moving, seconds, fps=fps, prompt="a boat", seed=seed) for seed in range(users)),
        traffic.stills(front.port, seconds - 2, every=0.5),
    )


async def eighty_seconds(stand: Stand) -> None:
    """All is well; then one worker is killed, and started again; then nobody reaches the queue for four seconds."""
    (worker, _), [front] = stand.have(workers=2, fronts=1)
    using = asyncio.create_task(use(front, SECONDS - 2))
    await asyncio.sleep(20)
    worker.process.kill()
    await asyncio.sleep(20)
    await asyncio.to_thread(lambda: stand.worker(port=worker.port))
    await asyncio.sleep(15)
    stand.redis.pause()
    await asyncio.sleep(4)
    stand.redis.go_on()
    await using
