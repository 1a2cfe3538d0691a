"""Values as bytes and back, and what their schema promises."""

import re
from dataclasses import replace

import pytest

from server.queue.redis import layout, messages
from server.queue.redis.layout import ALL_SCRIPTS
from server.queue.redis.messages import (
    SCHEMA,
    VERSION,
    Unreadable,
    pack_job,
    pack_kept,
    pack_result,
    pack_status,
    unpack_job,
    unpack_kept,
    unpack_result,
    unpack_status,
)
from server.session_store import Kept
from server.status import State, Status
from server.types import Job, Outcome, Result, Timings

JOB = Job(
    1 << 61, "owner", "openai", (("a boat", 0.25), ("море", 0.75)), 2**32 - 1, 5.0, 6.0, image=b"\xff\x00", mask=b"\x00\xff",
    size=(640, 480), guidance=2.0, looks=(("canny", 0.5, (("low", 0.1),)),), session="s", request="r", trace="t", decoding=0.25,
)  # fmt: skip
RESULT = Result(7, Outcome.IMAGE, b"\x89PNG", 4, Timings(0.1, 0.2, 0.3, 0.4), code="code", joules=1.5, meter="nvml")
STATUS = Status("x", State.STUCK, "doing", "error", backend="fake", seconds={1: 0.02, 8: 0.1})
KEPT = Kept("token", "watch", "live-1", "embedded", 3, {"prompt": [{"text": "a", "weight": 1.0}], "guidance": None})


def test_a_job() -> None:
    """A job comes out as it went in, but for its times, which are its reader's."""
    assert unpack_job(pack_job(JOB), 5.0, 6.0) == JOB
    assert unpack_job(pack_job(JOB), 7.0, 8.0) == replace(JOB, created=7.0, deadline=8.0)


def test_the_others() -> None:
    """So do results, statuses and sessions."""
    assert unpack_result(pack_result(RESULT)) == RESULT
    assert unpack_status(pack_status(STATUS)) == STATUS
    kept = unpack_kept(pack_kept(KEPT))
    assert (kept.token, kept.rev, kept.params["prompt"][0]["text"]) == ("token", 3, "a")


def test_small() -> None:
    """What is not an image takes little."""
    assert len(pack_job(replace(JOB, image=bytes(20_000), mask=None))) < 20_200
    assert len(pack_result(replace(RESULT, image=bytes(20_000)))) < 20_200


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x01\x00", pack_job(JOB)[:-1], pack_result(RESULT), b"\x01\x00\xc1" * 9])
def test_not_a_job(data: bytes) -> None:
    """Whatever is none is said to be none."""
    with pytest.raises(Unreadable):
        unpack_job(data, 0.0, 0.0)


def test_of_another_schema() -> None:
    """What another version of us said is said to be of it."""
    newer = (SCHEMA + 1).to_bytes(2, "little") + pack_job(JOB)[2:]
    with pytest.raises(
        Unreadable, match=rf"schema {SCHEMA + 1}\.\w+, and this process reads {re.escape(VERSION)}: run one version"
    ):
        unpack_job(newer, 0.0, 0.0)


def test_the_schema_grows_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field more, or a script that does anything else, is another schema: old and new do not meet."""
    before = messages._shape()
    monkeypatch.setattr(messages, "Kept", Job)
    fewer = messages._shape()
    monkeypatch.setattr(messages, "ALL_SCRIPTS", ALL_SCRIPTS[1:])
    assert len({before, fewer, messages._shape()}) == 3


def test_all_scripts_are_known() -> None:
    """No script is left out of the schema."""
    assert {path.stem for path in layout._SCRIPTS.glob("*.lua")} == {*ALL_SCRIPTS, "shared"}
