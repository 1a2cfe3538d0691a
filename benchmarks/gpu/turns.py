"""The order of a run: turns, each a process of one contestant. Pure.

A process each, since a GPU's errors stay with the process that met them and spoil whatever it measures after. Who came
before us goes first, so that whatever becomes of ours there is something to compare with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

FIRST = (1, 8)
"""The batches that the targets are about."""


class Whose(Protocol):
    """What is asked of a contestant here."""

    @property
    def name(self) -> str: ...
    @property
    def families(self) -> tuple[str, ...]: ...


class Of(Protocol):
    """And of a shape."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Turn:
    """What one process measures: shapes by name, each at all batches, and perhaps the scenes before the first shape."""

    contestant: str
    shapes: tuple[str, ...]
    batches: tuple[int, ...]
    scenes: bool = False

    @property
    def what(self) -> str:
        batches = ", ".join(map(str, self.batches))
        return f"{self.contestant}, {', '.join(self.shapes)}, batch {batches}{' and the scenes' if self.scenes else ''}"


def plan(
    contestants: Sequence[Whose], shapes: Sequence[Of], batches: Sequence[int], watcher: str | None = None
) -> Iterator[Turn]:
    """Everything in the order in which it is wanted: the first shape at the targets' batches, with the scenes before the
    contestant named `watcher`; the other shapes at those; then the other batches from the largest down."""
    first, *rest = groups(batches)
    yield from _turns(contestants, shapes[:1], first, watcher)
    yield from _turns(contestants, shapes[1:], first)
    for others in rest:
        yield from _turns(contestants, shapes, others[::-1])


def groups(batches: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """The batches that the targets are about, or the smallest one, and the others."""
    first = tuple(batch for batch in batches if batch in FIRST) or tuple(batches[:1])
    others = tuple(batch for batch in batches if batch not in first)
    return (first, others) if others else (first,)


def _turns(
    contestants: Sequence[Whose], shapes: Sequence[Of], batches: tuple[int, ...], watcher: str | None = None
) -> Iterator[Turn]:
    for one in contestants:
        able = tuple(shape.name for shape in shapes if shape.family in one.families)
        if able:
            yield Turn(one.name, able, batches, one.name == watcher)
