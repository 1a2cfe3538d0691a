"""Logs: one line each, whatever is in it, with its fields."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from server.logs import Seldom, configure, fields

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
@pytest.mark.parametrize("words", ["a\nERROR forged", "a\r\nb", "a\x00b", "\ud800", 'say "hi"', "é🐱"])
def test_one_line(stream: io.StringIO, log_format: str, words: str) -> None:
    """Whatever a client says, in the message or a field, a line stays a line that can be written."""
    configure("info", log_format, stream)  # type: ignore[arg-type]
    log.info("they said %r", words, extra=fields(why=words))
    log.info("they said %s", words.replace("\ud800", ""))
    lines = stream.getvalue().split("\n")
    assert len(lines) == 3
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
