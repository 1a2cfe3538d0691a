"""The file of keys: names, digests and limits, and no key. A key is shown once, when it is made.

JSON: `{"keys": [{"name", "digest", "rate"?, "sessions"?, "stills"?}, ...]}`. Keys are 256 random bits, so a plain SHA-256 of
them cannot be turned round; a slow hash, as for passwords that people choose, would add nothing but time.
"""

import hashlib
import json
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Annotated

import limits
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_PREFIX = "ap-"
_RANDOM_BYTES = 32


class KeyFileError(ValueError):
    """The file of keys is not as it should be; the text says where and what to do."""


def digest(key: str) -> str:
    """What is kept of a key, in hex."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def check_rate(rate: str | None) -> str | None:
    """A rate as `limits` has them: `60/minute`, `10 per second`, `1000/day`. Raises ValueError."""
    if rate is not None:
        try:
            limits.parse(rate)
        except ValueError:
            raise ValueError("a rate is such as 60/minute, 10/second or 1000/day") from None
    return rate


class Entry(BaseModel):
    """One key: what it is called, how it is known again, and what may be done with it; None is what anybody may."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rate: str | None = None
    sessions: Annotated[int, Field(ge=0)] | None = None
    stills: Annotated[int, Field(ge=0)] | None = None

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a key's name is at most 32 of a-z, 0-9, dot, dash and underscore")
        return name

    @field_validator("rate")
    @classmethod
    def _rated(cls, rate: str | None) -> str | None:
        return check_rate(rate)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[Entry, ...] = ()

    @field_validator("keys")
    @classmethod
    def _apart(cls, keys: tuple[Entry, ...]) -> tuple[Entry, ...]:
        if len({key.name for key in keys}) < len(keys) or len({key.digest for key in keys}) < len(keys):
            raise ValueError("two keys are the same, or have one name")
        return keys


def read_keys(path: Path) -> tuple[Entry, ...]:
    """The keys of a file. Raises KeyFileError."""
    try:
        return _File.model_validate(json.loads(path.read_bytes())).keys
    except OSError as error:
        raise KeyFileError(f"{path} cannot be read: {error.strerror}; allaprima keys add makes one") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise KeyFileError(f"{path}: {place}: {first['msg']}") from None
    except ValueError as error:
        raise KeyFileError(f"{path} is not JSON: {error}") from None


def write_keys(path: Path, keys: tuple[Entry, ...]) -> None:
    """Put these into the file, whole or not at all, for its owner's eyes. Raises KeyFileError."""
    text = json.dumps({"keys": [key.model_dump(exclude_none=True) for key in keys]}, indent=2) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # which nobody else may read
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(name, path)
    except OSError as error:
        raise KeyFileError(f"{path} cannot be written: {error.strerror}") from error


def make_key(name: str, **limited: object) -> tuple[str, Entry]:
    """A new key, and what is kept of it. Raises KeyFileError for a name or a limit that is none."""
    key = _PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
    try:
        return key, Entry.model_validate({"name": name, "digest": digest(key), **limited})
    except ValidationError as error:
        raise KeyFileError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None
