"""What several front ends know of their sessions together, so that a client may come back to another one than it left."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Kept:
    """A session as another front end can go on with it: by whom it is known, of which student, and what is in force."""

    token: str
    watch: str
    name: str
    student: str
    rev: int
    params: dict[str, Any]


class SessionStore(Protocol):
    """Keeps what front ends tell it for as long as a session may come back. Event loop only."""

    def open(self, live: Callable[[], Sequence[Kept]], taken: Callable[[str], None]) -> None:
        """Keep what `live` gives, from now on, as it changes. `taken` is told the tokens of those another front end now has."""
        ...

    async def take(self, token: str) -> Kept | None:
        """The session with this token, from now on this front end's; None if nobody knows it, or nobody can be asked now."""
        ...

    async def end(self) -> None: ...
