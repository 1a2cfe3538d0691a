"""The server's vocabulary: frozen values that cross threads and queues. Imports nothing of ours."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Prompt: TypeAlias = tuple[tuple[str, float], ...]
"""A blend of prompts: (text, weight) pairs whose weights sum to one."""


APIS = ("stream", "openai", "sdapi")
"""Ways by which jobs come in; the label of `allaprima_images_total`."""


class Outcome(StrEnum):
    """What became of a frame or a still; the label of `allaprima_frames_total`."""

    IMAGE = "image"
    REPEAT = "repeat"
    DROPPED_NEWER = "dropped_newer"
    DROPPED_LATE = "dropped_late"
    REFUSED = "refused"
    FAILED = "failed"


class Refusal(StrEnum):
    """Why somebody was told no; the label of `allaprima_refusals_total`."""

    UNAUTHORIZED = "unauthorized"
    FULL = "full"
    NOT_READY = "not_ready"
    BAD_REQUEST = "bad_request"
    TOO_LARGE = "too_large"
    UNKNOWN_STUDENT = "unknown_student"
    UNSUPPORTED = "unsupported"
    PROTOCOL = "protocol"


class Ending(StrEnum):
    """How a live connection ended; the label of `allaprima_sessions_ended_total`."""

    LEFT = "left"
    LOST = "lost"
    STALLED = "stalled"
    TOO_LARGE = "too_large"
    PROTOCOL = "protocol"
    SHUTDOWN = "shutdown"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Job:
    """One image to make. A plain value: encoded bytes in; times are seconds since the epoch.

    `request` names who asked, for logs: a request's id, or a session's. `trace` is W3C's `traceparent` of the span that this
    job belongs to, empty where nobody traces.
    """

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
    request: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds a job spent in each stage."""

    wait: float = 0.0
    decode: float = 0.0
    engine: float = 0.0
    encode: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job. `image` is encoded bytes, there if and only if the outcome is IMAGE; `message` is for a person.

    `joules` is what the image took, without idling, and `meter` what counted them; None and empty where nothing can say.
    """

    job: int
    outcome: Outcome
    image: bytes = b""
    rows: int = 0
    timings: Timings = Timings()
    message: str = ""
    code: str = ""
    joules: float | None = None
    meter: str = ""
