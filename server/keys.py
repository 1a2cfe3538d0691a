"""Which keys there are, whose they are, and what each may. Of none of them more than a digest is kept here."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .key_file import KeyFileError, digest, read_keys
from .logs import fields
from .owner import owner_of

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""Between two looks at whether the file has changed."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one owner may: None is what anybody may who has nothing of their own. `rate` is of images and live sessions."""

    rate: str | None = None
    sessions: int | None = None
    stills: int | None = None


ANYBODY = Allowance()


class Keys:
    """Keys of the settings, which may all the same, and of a file, each with a name and limits of its own.

    The file is looked at again when it changes: a key that is taken out of it is none from then on, and one that is put in
    is one. One that cannot be read leaves the keys as they were. Raises KeyFileError, at the start only.
    """

    def __init__(
        self, stated: Sequence[str] = (), file: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._file, self._clock = file, clock
        self._stated = {digest(key): owner_of(key, None) for key in stated}
        self._owners = dict(self._stated)
        self._allowances: dict[str, Allowance] = {}
        self._version: tuple[int, ...] | None = None
        self._look_again = -float("inf")
        if file is not None:
            self._read(file)
            self._version = _version(file)

    def __bool__(self) -> bool:
        """Whether keys are wanted."""
        return self._file is not None or bool(self._stated)

    def owner(self, shown: str | None) -> str | None:
        """Whose key this is; None if it is none."""
        if not shown:
            return None
        self._look()
        # by a digest, of which nobody who shows a key can choose a part: how long it takes to find it tells nothing
        return self._owners.get(digest(shown))

    def allowance(self, owner: str) -> Allowance:
        """What an owner may."""
        return self._allowances.get(owner, ANYBODY)

    def _look(self) -> None:
        now = self._clock()
        if self._file is None or now < self._look_again:
            return
        self._look_again = now + _LOOK_SECONDS
        version = _version(self._file)
        if version == self._version:
            return
        self._version = version
        try:
            self._read(self._file)
        except KeyFileError as error:
            log.error("the keys stay as they were: %s", error)
        else:
            log.info("keys read again", extra=fields(keys=len(self._owners)))

    def _read(self, file: Path) -> None:
        entries = read_keys(file)
        names = {entry.name: f"key-{entry.name}" for entry in entries}
        self._owners = self._stated | {entry.digest: names[entry.name] for entry in entries}
        self._allowances = {names[one.name]: Allowance(one.rate, one.sessions, one.stills) for one in entries}


def _version(file: Path) -> tuple[int, ...] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)
