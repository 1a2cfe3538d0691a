"""The server's vocabulary: frozen values that cross threads and queues. Imports nothing of ours."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Prompt: TypeAlias = tuple[tuple[str, float], ...]
"""A blend of prompts: (text, weight) pairs whose weights sum to one."""


Looks: TypeAlias = tuple[tuple[str, float, tuple[tuple[str, float], ...]], ...]
"""Which of a student's controls are shown a picture: (name, scale, what was set of its eye)."""


STREAM = "stream"
APIS = (STREAM, "openai", "sdapi", "fal")
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
    FOREIGN = "foreign"
    CROWDED = "crowded"
    FLOOD = "flood"
    SLOW = "slow"
    RATE = "rate"


class Ending(StrEnum):
    """How a live connection ended; the label of `allaprima_sessions_ended_total`."""

    LEFT = "left"
    LOST = "lost"
    STALLED = "stalled"
    TOO_LARGE = "too_large"
    PROTOCOL = "protocol"
    FLOOD = "flood"
    IDLE = "idle"
    REPLACED = "replaced"
    SHUTDOWN = "shutdown"
    ERROR = "error"


class JobKind(StrEnum):
    """A frame of somebody who watches, or a still of somebody who waits. They wait apart, and share ticks by weight."""

    LIVE = "live"
    STILL = "still"


MASK_PAINTS = ("white", "black", "clear", "opaque")
"""Which part of a mask's picture is where to paint: what is bright, dark, transparent or opaque. Between, it is so much."""
MOST_BLUR = 64.0
"""Pixels, at most, of a mask's blur."""


@dataclass(frozen=True, slots=True)
class Job:
    """One image to make. A plain value: encoded bytes in; `created` and `deadline` are seconds of time.monotonic().

    `owner` is who it is for: what is shared is shared by owners, whatever the API. `session` is the public name of the live
    session that it belongs to, empty for a still, and `request` names who asked, for logs. `trace` is W3C's `traceparent` of
    the span that this job belongs to, empty where nobody traces.

    `series` is the same for jobs that are at fault together, if one of them is: frames of a session with the same params. Empty
    for a job that stands for itself.

    `upscale`: how many times larger the picture is made after it is painted; 1 is not at all.

    `most_steps`: the picture as it is after so many steps, on its way; None is the whole of it.

    `size` is the width and height of the picture that is answered; None is the student's own, `upscale` times.

    `pixels` is the image decoded, where this process has done that already: uint8 [height, width, 3] of the student's size;
    it does not cross machines. `decoding` is the seconds that it took.

    `looks` are the student's controls that are shown the image, each as its eye sees it; without `repaint` the image is for
    them alone. The answer is the painting, or with `show` "eyes" what they see.

    `mask` is a picture, encoded, of the image's own size, that says what of the image is painted anew: where it is as
    `mask_paints` says, one of `MASK_PAINTS`. `mask_blur` softens its edges: a Gaussian's sigma, in pixels of the student's.
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
    most_steps: int | None = None
    upscale: int = 1
    format: str = "jpeg"
    quality: int = 85
    size: tuple[int, int] | None = None
    session: str = ""
    request: str = ""
    series: str = ""
    trace: str = ""
    looks: Looks = ()
    repaint: bool = True
    show: str = "painting"
    mask: bytes | None = None
    mask_paints: str = "white"
    mask_blur: float = 0.0
    pixels: NDArray[np.uint8] | None = field(default=None, compare=False, repr=False)
    decoding: float = 0.0

    @property
    def kind(self) -> JobKind:
        return JobKind.LIVE if self.api == STREAM else JobKind.STILL


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds a job spent in each stage."""

    wait: float = 0.0
    decode: float = 0.0
    engine: float = 0.0
    encode: float = 0.0
    upscale: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a job. `image` is encoded bytes, there if and only if the outcome is IMAGE; `message` is for a person.

    `size` is the image's width and height, None where there is no image.

    `joules` is what the image took, without idling, and `meter` what counted them; None and empty where nothing can say.
    `tokens` are those of a still's prompt that the student read.
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
    tokens: int = 0
    size: tuple[int, int] | None = None
