"""Stills: images from words alone, over the server's REST API."""

import asyncio
import base64
import json
import urllib.error
import urllib.request
from typing import Any, Literal

from .address import rest_url
from .errors import BadParams, Full, Gone, Refused, StreamError
from .pictures import Still

PATH = "/v1/images/generations"
_MOST_ANSWER = 256 << 20
"""Bytes. Far above any answer of ten images; a bound all the same."""


async def stills(prompt: str, **options: Any) -> list[Still]:
    """Images from words alone. `options` as of `allaprima.sync.stills`, which see; here nothing blocks."""
    return await asyncio.to_thread(blocking_stills, prompt, **options)


def blocking_stills(
    prompt: str,
    *,
    url: str = "http://127.0.0.1:8000",
    key: str | None = None,
    student: str | None = None,
    n: int = 1,
    seed: int | None = None,
    negative_prompt: str = "",
    guidance: float | None = None,
    upscale: int | None = None,
    format: Literal["png", "jpeg", "webp"] = "png",
    quality: int = 90,
    timeout: float = 60.0,
) -> list[Still]:
    """`n` images from words alone, with seeds that follow each other from `seed`, or any seed. With `upscale`
    2 or 4 they are made so many times larger, where the student has an upscaler.

    Raises BadParams for what the server does not take, with its words; Full with `retry_after` where it has no room just now;
    Refused for a wrong key; Gone where there is no server, or none that answers within `timeout` seconds.
    """
    asked: dict[str, Any] = {
        "prompt": prompt, "n": n, "response_format": "b64_json", "output_format": format, "output_compression": quality,
    }  # fmt: skip
    chosen = {
        "model": student, "seed": seed, "negative_prompt": negative_prompt or None, "guidance_scale": guidance,
        "upscale": upscale,
    }  # fmt: skip
    asked |= {name: value for name, value in chosen.items() if value is not None}
    answer = _post(rest_url(url, PATH), asked, key, timeout)
    return [Still(base64.b64decode(one["b64_json"]), int(one.get("seed") or 0)) for one in answer["data"]]


def _post(url: str, body: dict[str, Any], key: str | None, timeout: float) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            answer: dict[str, Any] = json.loads(response.read(_MOST_ANSWER))
            return answer
    except urllib.error.HTTPError as refused:
        raise _refusal(refused) from None
    except (OSError, ValueError) as failed:
        raise Gone(f"no answer from {url}: {getattr(failed, 'reason', None) or failed or type(failed).__name__}") from failed


def _refusal(refused: urllib.error.HTTPError) -> StreamError:
    """What an HTTP answer other than 200 means."""
    try:
        error: dict[str, Any] = json.loads(refused.read(1 << 16))["error"]
    except (ValueError, KeyError, TypeError):  # of a proxy in front of the server, perhaps
        error = {}
    said = f"HTTP {refused.code}: {error.get('message') or refused.reason}"
    if refused.code in (429, 503):
        wait = refused.headers.get("Retry-After") or ""
        return Full(f"{said} (try again in {wait} s)" if wait.isdigit() and "try again" not in said else said)
    if refused.code in (401, 403, 421):
        return Refused(said)
    return BadParams(str(error.get("code") or refused.code), said) if refused.code < 500 else Gone(said)
