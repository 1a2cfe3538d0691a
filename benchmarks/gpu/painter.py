"""What is measured: something that paints ticks of pictures, ours or another's, by one small interface."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from engines.engine import Pixels


class Painter(Protocol):
    """Ready to paint ticks of at most `sizes[-1]` pictures. What raises, raises anything: it is other people's code, too.

    At most `depth` ticks are between `begin` and `finish`, which come in the same order.
    """

    @property
    def precision(self) -> str: ...

    @property
    def sizes(self) -> tuple[int, ...]: ...

    @property
    def depth(self) -> int: ...

    @property
    def graphs(self) -> tuple[int, int] | None:
        """Of the kinds of tick that it has met how many are one CUDA graph, and all; None where it captures none."""
        ...

    def begin(self, pictures: Sequence[Pixels]) -> Any:
        """Give a tick to the device; the ticket for `finish`."""
        ...

    def finish(self, ticket: Any) -> list[Pixels]:
        """Wait for a tick; its images."""
        ...

    def waits(self, run: Callable[[], None]) -> int | None:
        """How often the host waits for the device while `run` is called; None where there is no device to wait for."""
        ...

    def close(self) -> None: ...


class AtOnce:
    """The part of a painter that has nothing under way when `begin` returns. Needs `paint`."""

    depth = 1
    graphs: tuple[int, int] | None = None

    def paint(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        raise NotImplementedError

    def begin(self, pictures: Sequence[Pixels]) -> list[Pixels]:
        return self.paint(pictures)

    def finish(self, ticket: list[Pixels]) -> list[Pixels]:
        return ticket


def paint(painter: Painter, pictures: Sequence[Pixels]) -> list[Pixels]:
    """One tick, waited for."""
    return painter.finish(painter.begin(pictures))
