"""A painter that only takes notes."""

from collections.abc import Callable, Sequence
from typing import Any

from engines.engine import Pixels


class Noting:
    """A painter whose images are the negatives of its pictures. `notes` says what was asked of it, in order."""

    precision = "float32"
    graphs: tuple[int, int] | None = None

    def __init__(self, depth: int = 1, sizes: tuple[int, ...] = (8,)) -> None:
        self.depth, self.sizes, self.notes = depth, sizes, list[str]()
        self.seen: list[Pixels] = []
        self._ticks = 0

    def begin(self, pictures: Sequence[Pixels]) -> Any:
        self._ticks += 1
        self.seen += pictures
        self.notes.append(f"begin {self._ticks}")
        return self._ticks, list(pictures)

    def finish(self, ticket: Any) -> list[Pixels]:
        self.notes.append(f"finish {ticket[0]}")
        return [255 - picture for picture in ticket[1]]

    def waits(self, run: Callable[[], None]) -> int | None:
        run()
        return None

    def close(self) -> None:
        self.notes.append("close")
