"""Logs: one line each, as text or as JSON, with fields beside the message: `log.info("refused", extra=fields(reason=why))`."""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

_PLAIN = re.compile(r"[\w.,:;/@%+-]+")
_CHATTY = ("uvicorn", "httpx", "huggingface_hub", "opentelemetry")
"""Libraries whose news is ours to tell; only their warnings are passed on."""

_FIELDS = "fields"


def fields(**values: Any) -> dict[str, Any]:
    """For `extra` of a logging call. None is left out; `time`, `level`, `logger`, `message` and `exception` are taken."""
    return {_FIELDS: {name: value for name, value in values.items() if value is not None}}


def configure(level: str, log_format: Literal["text", "json"], stream: TextIO = sys.stderr) -> None:
    """Send everything that is logged in this process to `stream`, one line each."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, the fields, and a traceback as `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().rstrip(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({**getattr(record, _FIELDS, {}), **line}, default=str, separators=(",", ":"))


class TextFormatter(logging.Formatter):
    """Time, level, logger and message, then `name=value` for each field; a traceback follows on lines of its own."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        # a client's words may be among it, which must not look like a line of ours
        line = super().formatMessage(record).rstrip().replace("\r", "\\r").replace("\n", "\\n")
        return " ".join([line, *(f"{name}={_value(value)}" for name, value in getattr(record, _FIELDS, {}).items())])


def _value(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        return str(value)
    return json.dumps(value, default=str, separators=(",", ":"))


class Seldom:
    """Keeps a line that could come thousands of times to one in every so many seconds. Any thread."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._lock = threading.Lock()
        self._next = -float("inf")
        self._held = 0

    def due(self) -> int | None:
        """How many were held back since the last one that was said, or None if this one is to be held back too."""
        with self._lock:
            now = self._clock()
            if now < self._next:
                self._held += 1
                return None
            held, self._held, self._next = self._held, 0, now + self._seconds
            return held
