"""Pictures of several steps, shown on their way: each look is a job of its own, which ends after so many steps.

With the same seed it goes the same way, so what it shows is what the picture is there; looks and picture share ticks.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from ...served import Served
from ...stills import Asked, Still, Stills


class Showing:
    """The pictures that are asked for, after each of `steps` and at their end. Belongs to one request."""

    def __init__(self, stills: Stills, served: Served, asked: Asked, steps: Sequence[int]) -> None:
        asked = asked if asked.seed is not None else asked.of_seed(secrets.randbits(32))
        small = replace(asked, ask=replace(asked.ask, upscale=1))  # only the picture itself is made larger
        looks = [replace(small, most_steps=most) for most in steps]
        self._looks = [asyncio.ensure_future(stills.paint(served, one)) for one in (*looks, asked)]
        for look in self._looks:
            look.add_done_callback(_seen)

    async def first(self) -> None:
        """Wait for the first look. Raises what there is to refuse; then, and when it is cancelled, nothing goes on."""
        try:
            await asyncio.shield(self._looks[0])
        except BaseException:
            await self._end()
            raise

    async def pictures(self) -> AsyncIterator[tuple[int | None, list[Still]]]:
        """Each look with its number, and last the pictures themselves, with None. Raises Refused."""
        try:
            *looks, whole = self._looks
            for index, look in enumerate(looks):
                yield index, await look
            yield None, await whole
        finally:
            await self._end()

    async def _end(self) -> None:
        for look in self._looks:
            look.cancel()
        await asyncio.gather(*self._looks, return_exceptions=True)


def _seen(look: "asyncio.Task[list[Still]]") -> None:
    """What went wrong with it is nobody's any more if the client has left before."""
    if not look.cancelled():
        look.exception()
