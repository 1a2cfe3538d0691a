"""Room for so many of a kind for each owner, so that one cannot take all of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Room:
    """At most `most` at once for each owner."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: Counter[str] = Counter()

    def is_full(self, owner: str) -> bool:
        return self._taken.get(owner, 0) >= self.most

    @contextmanager
    def hold(self, owner: str) -> Iterator[None]:
        """Take one place and give it back."""
        self._taken[owner] += 1
        try:
            yield
        finally:
            self._taken[owner] -= 1
            if not self._taken[owner]:
                del self._taken[owner]
