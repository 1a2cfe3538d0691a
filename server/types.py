"""The server's vocabulary: frozen values that cross threads and queues. Imports nothing of ours."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Prompt: TypeAlias = tuple[tuple[str, float], ...]
"""A blend of prompts: (text, weight) pairs whose weights sum to one."""


class Outcome(StrEnum):
    """What became of a frame or a still; the label of `allaprima_frames_total`."""

    IMAGE = "image"
    REPEAT = "repeat"
    DROPPED_NEWER = "dropped_newer"
    DROPPED_LATE = "dropped_late"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """One image to make. A plain value: encoded bytes in; times are seconds since the epoch."""

    id: int
    owner: str
    api: str
    prompt: Prompt
    seed: int
    created: float
    deadline: float
    image: bytes | None = None
    strength: float = 1.0
    guidance: float | None = None
    format: str = "jpeg"
    quality: int = 85


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds a job spent in each stage."""

    wait: float = 0.0
    decode: float = 0.0
    engine: float = 0.0
    encode: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job. `image` is encoded bytes, there if and only if the outcome is IMAGE; `message` is for a person."""

    job: int
    outcome: Outcome
    image: bytes = b""
    rows: int = 0
    timings: Timings = Timings()
    message: str = ""
    code: str = ""
