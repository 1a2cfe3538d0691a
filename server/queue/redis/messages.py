"""Jobs, results, statuses and sessions as bytes: a number that says their schema, then MessagePack. Images as they came.

Ages cross, and not times: `created` and `deadline` are put to a job by whoever takes it, from what Redis counted meanwhile.
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import astuple, fields
from typing import Any, get_type_hints

import msgpack
from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ...session_store import Kept
from ...status import State, Status
from ...types import Job, Outcome, Result, Timings
from .layout import ALL_SCRIPTS, scripts

SCHEMA = 1
"""Grows whenever a value, or a key of `layout`, means anything else than before. What shows by itself counts by itself."""

_HEAD = struct.Struct("<HI")
_LOCAL = frozenset({"pixels", "created", "deadline"})
"""Of a job, what is this process's own."""


def _shape() -> int:
    """What fields there are, of which types, and what scripts do: of another version of us all that may be otherwise."""
    said = [(field.name, str(field.type)) for of in (Job, Result, Timings, Status, Kept) for field in fields(of)]
    texts = [one.text for one in scripts(ALL_SCRIPTS)]
    return int.from_bytes(hashlib.blake2s(repr((said, texts)).encode(), digest_size=4).digest(), "little")


_OURS = (SCHEMA, _shape())


def _written(schema: int, shape: int) -> str:
    return f"{schema}.{shape:08x}"


VERSION = _written(*_OURS)
"""The schema as it is written for people, and in names of lanes."""


class Unreadable(ValueError):
    """These bytes are not what they should be; the text says why."""


def _adapter(of: type, without: frozenset[str] = frozenset()) -> TypeAdapter[Any]:
    """Checks the fields of a value that comes from outside, each by its type."""
    hints = {name: hint for name, hint in get_type_hints(of).items() if name not in without}
    checked = TypedDict(of.__name__, hints)  # type: ignore[misc]
    checked.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]
    return TypeAdapter(checked)


_JOB_FIELDS = tuple(field.name for field in fields(Job) if field.name not in _LOCAL)
_RESULT_FIELDS = tuple(field.name for field in fields(Result))
_STATUS_FIELDS = tuple(field.name for field in fields(Status))
_KEPT_FIELDS = tuple(field.name for field in fields(Kept))
_JOB, _RESULT, _STATUS, _KEPT = _adapter(Job, _LOCAL), _adapter(Result), _adapter(Status), _adapter(Kept)


def pack_job(job: Job) -> bytes:
    return _pack([getattr(job, name) for name in _JOB_FIELDS])


def job_bytes(job: Job) -> int:
    """Bytes of its pictures, which are all of it that can be large."""
    return len(job.image or b"") + len(job.mask or b"")


def unpack_job(data: bytes, created: float, deadline: float) -> Job:
    """Raises Unreadable. The times are this process's own."""
    return Job(**_read(data, _JOB_FIELDS, _JOB), created=created, deadline=deadline)


def pack_result(result: Result) -> bytes:
    values = {name: getattr(result, name) for name in _RESULT_FIELDS}
    values |= {"outcome": result.outcome.value, "timings": astuple(result.timings)}
    return _pack(list(values.values()))


def unpack_result(data: bytes) -> Result:
    """Raises Unreadable."""
    return Result(**_read(data, _RESULT_FIELDS, _RESULT, {"outcome": Outcome, "timings": _timings}))


def pack_status(status: Status) -> bytes:
    values = {name: getattr(status, name) for name in _STATUS_FIELDS}
    values |= {"state": status.state.value, "seconds": dict(status.seconds), "upscales": dict(status.upscales)}
    return _pack(list(values.values()))


def unpack_status(data: bytes) -> Status:
    """Raises Unreadable."""
    return Status(**_read(data, _STATUS_FIELDS, _STATUS, {"state": State}))


def pack_kept(kept: Kept) -> bytes:
    return _pack([getattr(kept, name) for name in _KEPT_FIELDS])


def unpack_kept(data: bytes) -> Kept:
    """Raises Unreadable."""
    return Kept(**_read(data, _KEPT_FIELDS, _KEPT))


def _timings(values: Any) -> Timings:
    return Timings(*values)


def _pack(values: list[Any]) -> bytes:
    packed: bytes = msgpack.packb(values)
    return _HEAD.pack(*_OURS) + packed


def _read(
    data: bytes, names: tuple[str, ...], adapter: TypeAdapter[Any], made: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The fields, each of its type. `made`: what turns a plain value into what the field holds. Raises Unreadable."""
    if len(data) < _HEAD.size:
        raise Unreadable("it is cut off")
    if (found_of := _HEAD.unpack_from(data)) != _OURS:
        raise Unreadable(f"it is of schema {_written(*found_of)}, and this process reads {VERSION}: run one version everywhere")
    try:
        values = msgpack.unpackb(memoryview(data)[_HEAD.size :], use_list=False, strict_map_key=False)
        found = dict(zip(names, values, strict=True))
        for name, make in (made or {}).items():
            found[name] = make(found[name])
        checked: dict[str, Any] = adapter.validate_python(found)
        return checked
    except ValidationError as error:
        first = error.errors()[0]
        raise Unreadable(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except (ValueError, TypeError, msgpack.UnpackException) as error:
        raise Unreadable(str(error) or type(error).__name__) from error
