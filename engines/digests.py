"""Digests of big files, remembered: gigabytes are read when they come or change, and not at every start."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

MEMO = "digests.json"

# A smaller file is hashed in some ten milliseconds; the student that ships, and tables and configs, leave no memo behind.
_BIG = 1 << 24
# Longer than a file system takes to tell two writes apart: 2 s on FAT, a few ms on most others.
_SETTLED_SECONDS = 3.0

# Why a remembered digest can be believed. It stands under the file's path, size, inode and both its times. Whoever writes
# into a file afterwards moves ctime, which no program can set back, as `cp -p` and rsync do with mtime; whoever puts
# another file in its place brings another inode. What remains is a write within the same tick of the clock as the one
# before it: it leaves every number as it was. So a file that was written a moment before it is hashed is not remembered
# (git's index has the same trap, which it calls racy), and neither is one whose numbers moved while it was read.


class Digests:
    """SHA-256 over the contents of files, with a memo in a cache folder. The folder may be missing or read-only.

    The memo is an aid and never needed: one that is damaged, cannot be written, or lost an entry to another process that
    wrote at the same time only means that files are read again.
    """

    def __init__(self, cache: Path) -> None:
        self._memo = cache / MEMO

    def of(self, *paths: Path) -> str:
        """The digest of files in the order given: of contents, not of names. Raises OSError if one cannot be read."""
        digest = hashlib.sha256()
        for content in self._contents(paths):
            digest.update(bytes.fromhex(content))
        return digest.hexdigest()

    def content(self, path: Path) -> str:
        """The digest of one file's contents, as `digest_of` gives it. Raises OSError."""
        return self._contents((path,))[0]

    def _contents(self, paths: Sequence[Path]) -> list[str]:
        known = _read(self._memo)
        contents, fresh = [], {}
        for path in paths:
            key, before = str(path.absolute()), path.stat()
            content = known[key]["sha256"] if known.get(key, {}).get("stamp") == _stamp(before) else None
            if content is None:
                now = time.time()
                content = digest_of(path)
                if before.st_size >= _BIG and _settled(before, now) and _stamp(path.stat()) == _stamp(before):
                    fresh[key] = {"stamp": _stamp(before), "sha256": content}
            contents.append(content)
        if fresh:
            self._add(fresh)
        return contents

    def _add(self, fresh: Mapping[str, Any]) -> None:
        # read again: another process may have added its own meanwhile
        memo = {**{key: entry for key, entry in _read(self._memo).items() if Path(key).is_file()}, **fresh}
        with suppress(OSError):
            self._memo.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f"{MEMO}.", dir=self._memo.parent)
            try:
                with os.fdopen(handle, "w") as file:
                    file.write(json.dumps(memo, indent=1, sort_keys=True) + "\n")
                Path(name).replace(self._memo)  # whole, or not at all
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise


def digest_of(path: Path) -> str:
    """SHA-256 of a file's contents. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp(stat: os.stat_result) -> list[int]:
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _settled(stat: os.stat_result, now: float) -> bool:
    # a time to come tells nothing either: the clock of a file server may be fast
    return now - max(stat.st_mtime, stat.st_ctime) > _SETTLED_SECONDS


def _read(memo: Path) -> dict[str, Any]:
    try:
        entries = dict(json.loads(memo.read_bytes()))
        return {key: entry for key, entry in entries.items() if entry.keys() == {"stamp", "sha256"} and _sound(entry["sha256"])}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def _sound(digest: object) -> bool:
    return isinstance(digest, str) and len(bytes.fromhex(digest)) == hashlib.sha256().digest_size
