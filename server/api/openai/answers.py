"""What is answered: images as JSON, or as events. Writing megabytes takes milliseconds: for a thread."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from engines.student import Student

from ...stills import Refused, Still
from ...types import Result

_AT_ONCE = 128 << 10
"""Bytes of pictures that are written in some hundred microseconds."""
What = Literal["image_generation", "image_edit"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was painted and how it is told. `urls`: where each is fetched; `base64`: whether they are in the answer."""

    stills: Sequence[Still]
    student: Student
    format: str
    base64: bool
    urls: Sequence[str] | None
    without_effect: Sequence[str]
    images_in: int

    def little(self) -> bool:
        """Whether it is written soon enough for the event loop."""
        return sum(len(still.result.image) for still in self.stills) <= _AT_ONCE

    def json(self) -> bytes:
        """The answer as JSON. `json` would hold up the pictures for longer, and at a stretch."""
        pictures = [self._picture(index) for index in range(len(self.stills))]
        about = {
            "created": int(time.time()),
            "background": "opaque",
            "output_format": self.format,
            "size": _size(self.stills[0].result, self.student),
            "painted_size": f"{self.student.width}x{self.student.height}",
            "without_effect": list(self.without_effect),
            "usage": self.usage(len(self.stills)),
            "timings": [_timings(still.result) for still in self.stills],
        }
        return b'{"data":[%b],%b' % (b",".join(pictures), _written(about)[1:])

    def _picture(self, index: int) -> bytes:
        parts = []
        if self.base64:
            parts.append(b'"b64_json":"%b"' % base64.b64encode(self.stills[index].result.image))
        if self.urls is not None:
            parts.append(b'"url":%b' % _written(self.urls[index]))
        return b'{%b,"seed":%d}' % (b",".join(parts), self.stills[index].seed)

    def completed(self, what: What) -> bytes:
        """The answer as events, one for each picture."""
        more = {"without_effect": list(self.without_effect), "usage": self.usage(1)}
        return b"".join(self._event(f"{what}.completed", still, more) for still in self.stills)

    def partial(self, what: What, index: int) -> bytes:
        """The pictures as they are on their way, likewise; `index` counts how often they were shown before."""
        return b"".join(self._event(f"{what}.partial_image", still, {"partial_image_index": index}) for still in self.stills)

    def _event(self, kind: str, still: Still, more: dict[str, Any]) -> bytes:
        about = {
            "type": kind,
            "created_at": int(time.time()),
            "size": _size(still.result, self.student),
            "quality": "auto",
            "background": "opaque",
            "output_format": self.format,
            "seed": still.seed,
            "painted_size": f"{self.student.width}x{self.student.height}",
            **more,
            "timings": _timings(still.result),
        }
        picture = base64.b64encode(still.result.image)
        return b'event: %b\ndata: {"b64_json":"%b",%b\n\n' % (kind.encode(), picture, _written(about)[1:])

    def usage(self, images: int) -> dict[str, Any]:
        """Tokens: those of the prompt that the student read, once for all pictures, and the places of its latents."""
        _, height, width = self.student.latent_shape
        text, places = max(still.result.tokens for still in self.stills), height * width
        into = {"text_tokens": text, "image_tokens": places * self.images_in}
        out = {"text_tokens": 0, "image_tokens": places * images}
        total_in, total_out = sum(into.values()), sum(out.values())
        return {
            "input_tokens": total_in,
            "input_tokens_details": into,
            "output_tokens": total_out,
            "output_tokens_details": out,
            "total_tokens": total_in + total_out,
        }


def _size(result: Result, student: Student) -> str:
    """WIDTHxHEIGHT of an image; the student's own where whoever painted does not say."""
    width, height = result.size or (student.width, student.height)
    return f"{width}x{height}"


def failed(refused: Refused, request: str) -> bytes:
    """The event of an error after others."""
    error = {"message": refused.message, "type": "server_error", "param": None, "code": refused.code, "request_id": request}
    return b'event: error\ndata: {"type":"error","error":%b}\n\n' % _written(error)


def _written(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _timings(result: Result) -> dict[str, Any]:
    """Seconds by stage, rows of the last tick, and where a meter can say so, joules."""
    known = {**asdict(result.timings), "rows": result.rows}
    return known if result.joules is None else {**known, "joules": result.joules, "meter": result.meter}
