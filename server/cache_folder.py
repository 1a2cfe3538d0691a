"""Where compiled engines are kept when nobody says where, also for a user that has no home."""

import os
import tempfile
from pathlib import Path

_NAME = "allaprima"


class CacheError(ValueError):
    """There is no folder to keep engines in; the text says why, and what to do."""


def default_cache() -> Path:
    """In the home folder, or where that is missing or not ours to write to, a folder of this user's for temporary files."""
    try:
        home = Path.home() / ".cache" / _NAME
    except RuntimeError:  # no HOME, and no such user on this machine, as in a container with a number for a user
        return _temporary()
    return home if _may_write(home) else _temporary()


def prepare_cache(folder: Path) -> str | None:
    """Make the folder ready if it is the one for temporary files; what is to be said of it. Raises CacheError.

    Anybody may make a folder there by any name, and what lies in it is run: so one that is not ours alone is not used.
    """
    if folder != _temporary():
        return None
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise CacheError(f"no folder for compiled engines: {error}; name one by --cache") from error
    if hasattr(os, "getuid") and (
        facts.st_uid != os.getuid() or facts.st_mode & 0o077 or not folder.is_dir() or folder.is_symlink()
    ):
        raise CacheError(f"{folder} is not this user's alone, and so not for compiled engines; name another by --cache")
    return f"no home folder to write to: compiled engines are kept in {folder}, for as long as that is; --cache names another"


def _temporary() -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"{_NAME}-{user}"


def _may_write(folder: Path) -> bool:
    """Whether a folder, or the part of its path that there is, may be written to."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)
