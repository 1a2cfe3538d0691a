"""Where built engines lie: a folder under a key made of everything that could make one wrong, with a readable sidecar.

The sidecar also has a digest of every file that was built, so that what is on the disk is what was sealed, or is not used.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .digests import Digests, digest_of
from .errors import EngineError

log = logging.getLogger(__name__)

SIDECAR = "built.json"
KEPT = "kept.json"
COMPILED = ".compiled"
"""How the names of files end that a library keeps beside a build."""
_DIGESTS = "sha256"
"""In the sidecar: file to the digest of its contents. Sidecars of earlier versions have none, and are believed."""

Facts = Mapping[str, str]
"""What a built engine depends on: field to value."""


def key_of(facts: Facts) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:20]


class BuildCache:
    """The folder of builds of one backend. `digests` remembers those of big files; without, they are read each time."""

    def __init__(self, root: Path, digests: Digests | None = None) -> None:
        self._root, self._digests = root, digests

    def folder(self, facts: Facts) -> Path:
        """The folder of this build, new or old. Raises EngineError if it cannot be made or holds another build."""
        folder = self._root / key_of(facts)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(f"the cache folder {folder} cannot be made ({error}); choose another with --cache") from error
        self._check(folder / SIDECAR, facts)
        return folder

    def sealed(self, facts: Facts) -> bool:
        """Whether this build is there, whole, and what was sealed; what it is not is said, in one line, for it to be built
        again. Call `folder` first, which checks that it is this build."""
        folder = self._root / key_of(facts)
        return (folder / SIDECAR).exists() and is_sound(folder, self._digests)

    def seal(self, facts: Facts) -> None:
        """Write the sidecar: the build in this folder is whole, and its files are as they are now. Raises OSError."""
        folder = self._root / key_of(facts)
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not _aside(path))
        digests = {path.relative_to(folder).as_posix(): _content(path, self._digests) for path in files}
        _write(folder / SIDECAR, {**facts, _DIGESTS: digests})

    def _check(self, sidecar: Path, facts: Facts) -> None:
        if not sidecar.exists():
            return
        remedy = f"delete {sidecar.parent} and start again"
        try:
            built = dict(json.loads(sidecar.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise EngineError(f"the sidecar {sidecar} cannot be read; {remedy}") from error
        for field in facts:
            if built.get(field) != facts[field]:
                raise EngineError(
                    f"the engine in {sidecar.parent} was built for {field} {built.get(field)!r}, not {facts[field]!r}; {remedy}"
                )


class KeptFiles:
    """What a library keeps in a folder by itself, in files of this pattern, whose digests we note beside them."""

    def __init__(self, folder: Path, pattern: str = "*") -> None:
        self._folder, self._pattern = folder, pattern

    def drop_changed(self) -> None:
        """Remove it all if any of it is not what was noted, for the library to make it again; said in one line."""
        noted = _read(self._folder / KEPT)
        if not (changed := _changed(self._folder, noted, None)):
            return
        log.warning("%s is not what was kept there (%s): it is made again", self._folder, _some(changed))
        for name in (*noted, KEPT):
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def note(self) -> None:
        """Note the files as they are now. Raises OSError."""
        files = sorted(path for path in self._folder.rglob(self._pattern) if path.is_file() and path.name != KEPT)
        _write(self._folder / KEPT, {path.relative_to(self._folder).as_posix(): digest_of(path) for path in files})


def temporary_for(path: Path) -> Path:
    """Where a file of a build is written before it is in its place: another process may be writing the same one."""
    return path.with_suffix(f".{os.getpid()}.tmp")


def is_sound(folder: Path, digests: Digests | None = None) -> bool:
    """Whether a sealed build's files are those that were sealed; what is not is said in one line."""
    sealed = _read(folder / SIDECAR).get(_DIGESTS, {})
    changed = _changed(folder, sealed if isinstance(sealed, dict) else {}, digests)
    if changed:
        log.warning("the build in %s is not what was sealed (%s): it is built again", folder, _some(changed))
    return not changed


def sealed_digests(folder: Path) -> dict[str, str]:
    """File to digest of a sealed build; empty if it is none, or of an earlier version."""
    digests = _read(folder / SIDECAR).get(_DIGESTS, {})
    return dict(digests) if isinstance(digests, dict) else {}


def list_builds(cache: Path) -> list[dict[str, str]]:
    """The facts of all builds under a cache folder, each with its `folder`; those that cannot be read are left out."""
    found = []
    for sidecar in sorted(cache.glob(f"*/*/{SIDECAR}")):
        facts = _read(sidecar)
        facts.pop(_DIGESTS, None)
        if facts:
            found.append({**facts, "folder": str(sidecar.parent)})
    return found


def _changed(folder: Path, noted: Mapping[str, Any], digests: Digests | None) -> list[str]:
    changed = []
    for name, digest in noted.items():
        try:
            if _content(folder / name, digests) != digest:
                changed.append(name)
        except OSError:
            changed.append(name)
    return changed


def _aside(path: Path) -> bool:
    """Whether a file beside a build is no part of it: libraries keep theirs there, which change when they run."""
    return path.name in (SIDECAR, KEPT) or path.suffix in (COMPILED, ".tmp")


def _content(path: Path, digests: Digests | None) -> str:
    return digest_of(path) if digests is None else digests.content(path)


def _some(names: Iterable[str]) -> str:
    first, *others = names
    return f"{first} and {len(others)} more" if others else first


def _read(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def _write(path: Path, said: Mapping[str, Any]) -> None:
    temporary = temporary_for(path)
    try:
        temporary.write_text(json.dumps(dict(said), indent=2, sort_keys=True) + "\n")
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
