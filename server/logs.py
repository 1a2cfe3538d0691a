"""Logs: one line each, as text or as JSON, with fields beside the message: `log.info("refused", extra=fields(reason=why))`."""

import asyncio
import json
import logging
import re
import sys
import threading
import time
import traceback
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

_PLAIN = re.compile(r"[\w.,:;/@%+-]+")
_CHATTY = ("uvicorn", "httpx", "huggingface_hub", "opentelemetry")
"""Libraries whose news is ours to tell; only their warnings are passed on."""

_OURS = ("server.", "engines.", "wire")
_MOST_KNOWN = 256
"""Owners, or places in the code, that are told apart."""
_MOST_TOLD = 8
"""Lines about lines that were left out."""
_OTHERS = "others"

_FIELDS = "fields"


def fields(**values: Any) -> dict[str, Any]:
    """For `extra` of a logging call. None is left out; `time`, `level`, `logger`, `message` and `exception` are taken."""
    return {_FIELDS: {name: value for name, value in values.items() if value is not None}}


def configure(level: str, log_format: Literal["text", "json"], stream: TextIO = sys.stderr) -> None:
    """Send everything that is logged in this process to `stream`, one line each."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    handler.addFilter(Repeated())
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
    """Time, level, logger and message, then `name=value` for each field; a traceback follows on lines of its own.

    A client's words may be anywhere in it, and must not look like a line of ours: what is not printable is escaped, in the
    message, in what an exception says, and in its notes.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        line = one_line(super().formatMessage(record).rstrip())
        return " ".join([line, *(f"{name}={_value(value)}" for name, value in getattr(record, _FIELDS, {}).items())])

    def formatException(self, ei: Any) -> str:
        told = traceback.TracebackException(*ei)
        _tame(told)
        return "".join(told.format()).rstrip("\n")


def _tame(told: traceback.TracebackException) -> None:
    """Put what an exception, and each that it comes from, says of itself on one line each."""
    told._str = one_line(str(told._str))  # type: ignore[attr-defined]
    told.__notes__ = [one_line(str(note)) for note in getattr(told, "__notes__", None) or ()]
    for one in (told.__cause__, told.__context__, *(getattr(told, "exceptions", None) or ())):
        if one is not None:
            _tame(one)


def one_line(text: str) -> str:
    """The text with all that is not printable escaped: line ends of any kind, control characters, half characters."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


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


class Repeated(logging.Filter):
    """Lets the same trouble through once in every so many seconds, with how often it was held back since.

    What a client can bring about, it can bring about again and again. The same is: of one place in the code, with a traceback
    or from a library.
    """

    def __init__(self, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds, self._clock = seconds, clock
        self._known: OrderedDict[tuple[Any, ...], Seldom] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or (record.name.startswith(_OURS) and not record.exc_info):
            return True
        held = self._seldom((record.name, record.lineno, _place(record))).due()
        if held:
            setattr(record, _FIELDS, {**getattr(record, _FIELDS, {}), "held_back": held})
        return held is not None

    def _seldom(self, key: tuple[Any, ...]) -> Seldom:
        seldom = self._known.setdefault(key, Seldom(self._seconds, self._clock))
        self._known.move_to_end(key)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return seldom


def _place(record: logging.LogRecord) -> Any:
    """What was raised, and where."""
    if not isinstance(record.exc_info, tuple) or record.exc_info[2] is None:
        return None
    last = record.exc_info[2]
    while last.tb_next is not None:
        last = last.tb_next
    return record.exc_info[0], last.tb_frame.f_code.co_filename, last.tb_lineno


class Sparing:
    """Writes lines that clients cause: so many of a kind for one owner in so many seconds, and not too many of all.

    The rest is counted, and told by one line for each kind and owner when the time is over (without an event loop: with the
    next line). Any thread.
    """

    def __init__(
        self,
        log: logging.Logger,
        each: int = 10,
        of_all: int = 60,
        seconds: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log, self._each, self._of_all, self._seconds, self._clock = log, each, of_all, seconds, clock
        self._ends = -float("inf")
        self._lines: Counter[tuple[str, str]] = Counter()
        self._held: Counter[tuple[str, str]] = Counter()
        self._in_all: Counter[str] = Counter()
        self._lock = threading.RLock()

    def info(self, message: str, kind: str, owner: str, **values: Any) -> None:
        """Log a line with these fields, or count that it was left out."""
        self.say(logging.INFO, message, kind, owner, **values)

    def say(self, level: int, message: str, kind: str, owner: str, **values: Any) -> None:
        """The same, of any level."""
        with self._lock:
            now = self._clock()
            if now >= self._ends:
                self.tell()
                self._ends = now + self._seconds
            key = (kind, owner)
            if self._lines[key] < self._each and self._in_all[kind] < self._of_all:
                self._lines[key] += 1
                self._in_all[kind] += 1
                self._log.log(level, message, extra=fields(**values))
            else:
                self._hold(key if key in self._held or len(self._held) < _MOST_KNOWN else (kind, _OTHERS))

    def _hold(self, key: tuple[str, str]) -> None:
        if not self._held:
            with suppress(RuntimeError):  # without a loop
                asyncio.get_running_loop().call_later(self._ends - self._clock(), self.tell)
        self._held[key] += 1

    def tell(self) -> None:
        """Say how many lines were left out, and begin anew."""
        with self._lock:
            held = self._held
            self._lines, self._held, self._in_all = Counter(), Counter(), Counter()
            self._ends = -float("inf")
        most = held.most_common(_MOST_TOLD)
        for (kind, owner), count in most:
            self._log.info("lines left out", extra=fields(of=kind, owner=owner, held_back=count))
        if (rest := held.total() - sum(count for _, count in most)) > 0:
            self._log.info("lines left out", extra=fields(of="any kind", owner=_OTHERS, held_back=rest))
