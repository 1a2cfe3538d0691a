"""Logs: one line each, whatever is in it, with its fields."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from server.logs import Repeated, Seldom, Sparing, configure, fields

log = logging.getLogger("server.somewhere")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log goes; the process's own logging is put back at the end."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for handler in handlers:
        root.removeHandler(handler)
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json(stream: io.StringIO) -> None:
    """A line is one object: time in UTC, level, logger, message, and the fields beside them."""
    configure("info", "json", stream)
    log.info("session %s", "ended", extra=fields(session="x", seconds=1.5, outcomes={"image": 2}, joules=None))
    line = json.loads(stream.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info", "logger": "server.somewhere", "message": "session ended", "session": "x", "seconds": 1.5,
        "outcomes": {"image": 2},
    }  # fmt: skip


def test_text(stream: io.StringIO) -> None:
    """A line is time, level, logger and message, then the fields by name, in quotes where they are more than a word."""
    configure("info", "text", stream)
    log.warning("refused", extra=fields(reason="full", why="no room; later", seconds=1.5, outcomes={"image": 2}))
    line = stream.getvalue()
    expected = 'WARNING server.somewhere: refused reason=full why="no room; later" seconds=1.5 outcomes={"image":2}\n'
    assert line.endswith(expected)


def test_without_fields(stream: io.StringIO) -> None:
    """Other people's lines have none."""
    configure("info", "text", stream)
    log.info("hello")
    assert stream.getvalue().endswith("INFO server.somewhere: hello\n")


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize(
    "words",
    ["a\nERROR forged", "a\r\nb", "a\x00b", "\ud800", 'say "hi"', "é🐱", "a\x1b[2Kb", "a\u2028b", "a\x85b", "a\x0bb\x0cc"],
)
def test_one_line(stream: io.StringIO, log_format: str, words: str) -> None:
    """Whatever a client says, in the message or a field, a line stays a line that can be written."""
    configure("info", log_format, stream)  # type: ignore[arg-type]
    log.info("they said %r", words, extra=fields(why=words))
    log.info("they said %s", words.replace("\ud800", ""))
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
    assert len(stream.getvalue().splitlines()) == 2
    assert "\x1b" not in stream.getvalue()
    assert "\r" not in stream.getvalue()
    stream.getvalue().encode()
    if log_format == "json":
        assert json.loads(lines[0])["why"] == words


def test_a_traceback(stream: io.StringIO) -> None:
    """In JSON a traceback is a field of its line; as text it follows the line with its fields."""
    for log_format in ("json", "text"):
        configure("info", log_format, stream)  # type: ignore[arg-type]
        try:
            raise ValueError("broken")
        except ValueError:
            log.exception("it failed", extra=fields(request="req-1"))
    first, second, *rest = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(first)["exception"]
    assert second.endswith("it failed request=req-1")
    assert rest[-1] == "ValueError: broken"


def _raise(words: str) -> None:
    try:
        raise KeyError(words)
    except KeyError as first:
        second = ValueError(words)
        second.add_note(words)
        raise ExceptionGroup(words, [second]) from first


@pytest.mark.parametrize(
    "words", ["x\n2026-01-01 00:00:00,000 INFO server: forged", "x\r2026 INFO server: forged", "x\u20282026 forged"]
)
def test_a_traceback_forges_nothing(stream: io.StringIO, words: str) -> None:
    """What an exception says, with all that it comes from and its notes, begins no line of its own."""
    configure("info", "text", stream)
    try:
        _raise(words)
    except ExceptionGroup:
        log.exception("it failed")
    lines = stream.getvalue().splitlines()
    assert sum("forged" in line for line in lines) >= 4
    assert not [line for line in lines if line.lstrip(" |").startswith("2026") and "forged" in line]


def test_the_same_trouble_again(stream: io.StringIO) -> None:
    """A traceback that could come a thousand times comes once in a while, with how many there were; another is another."""
    now = [0.0]
    configure("info", "json", stream)
    (handler,) = logging.getLogger().handlers
    handler.filters[:] = [Repeated(10, lambda: now[0])]

    def fail(kind: type[Exception]) -> None:
        try:
            raise kind("broken")
        except Exception:
            log.exception("it failed")

    for _ in range(100):
        fail(ValueError)
    fail(TypeError)
    for _ in range(100):
        logging.getLogger("uvicorn.error").warning("trouble")
        log.warning("ours")
    now[0] = 10
    fail(ValueError)
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    failed = [line for line in told if line["message"] == "it failed"]
    assert [line["exception"].splitlines()[-1] for line in failed] == [
        "ValueError: broken",
        "TypeError: broken",
        "ValueError: broken",
    ]
    assert [line.get("held_back") for line in failed] == [None, None, 99]
    assert sum(line["message"] == "trouble" for line in told) == 1
    assert sum(line["message"] == "ours" for line in told) == 100


def _sparing(caplog: pytest.LogCaptureFixture, now: list[float]) -> Sparing:
    caplog.set_level(logging.INFO)
    return Sparing(log, each=3, of_all=5, seconds=10, clock=lambda: now[0])


def _told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    return [(record.getMessage(), record.fields) for record in caplog.records]  # type: ignore[attr-defined]


def test_lines_by_owner(caplog: pytest.LogCaptureFixture) -> None:
    """One owner has a few lines of a kind; what is left out is counted, and told when the time is over."""
    now = [0.0]
    lines = _sparing(caplog, now)
    for number in range(10):
        lines.info("refused", "full", "one", number=number)
    lines.info("refused", "full", "two", number=99)
    lines.info("refused", "other", "one", number=98)
    assert [said["number"] for _, said in _told(caplog)] == [0, 1, 2, 99, 98]
    now[0] = 10
    lines.info("refused", "full", "one", number=10)
    assert _told(caplog)[5:] == [
        ("lines left out", {"of": "full", "owner": "one", "held_back": 7}),
        ("refused", {"number": 10}),
    ]


def test_lines_of_many_owners(caplog: pytest.LogCaptureFixture) -> None:
    """However many owners there are, a kind has so many lines, and few about those that were left out."""
    now = [0.0]
    lines = _sparing(caplog, now)
    for number in range(10_000):
        lines.info("refused", "full", f"owner {number}")
    assert len(caplog.records) == 5
    lines.tell()
    told = [said for message, said in _told(caplog) if message == "lines left out"]
    assert len(told) < 12
    assert sum(said["held_back"] for said in told) == 9_995


async def test_lines_left_out_are_told_by_themselves(caplog: pytest.LogCaptureFixture) -> None:
    """How many were left out is said also when nothing more comes."""
    caplog.set_level(logging.INFO)
    lines = Sparing(log, each=1, seconds=0.05)
    for _ in range(5):
        lines.info("refused", "full", "one")
    async with asyncio.timeout(30):
        while len(caplog.records) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert _told(caplog)[1] == ("lines left out", {"of": "full", "owner": "one", "held_back": 4})


def test_level(stream: io.StringIO) -> None:
    """What is below the level is not said, and libraries' news is not ours."""
    configure("info", "text", stream)
    log.debug("details")
    logging.getLogger("uvicorn.error").info("news")
    logging.getLogger("uvicorn.error").warning("trouble")
    assert stream.getvalue().count("\n") == 1
    assert "trouble" in stream.getvalue()


def test_seldom() -> None:
    """One in so many seconds is said, with how many were held back since."""
    now = [0.0]
    seldom = Seldom(10, lambda: now[0])
    assert seldom.due() == 0
    assert [seldom.due() for _ in range(5)] == [None] * 5
    now[0] = 10
    assert seldom.due() == 5
    now[0] = 30
    assert seldom.due() == 0
