"""The soak: it holds what it should of a server that is well, and says what is not held of one that is not."""

import asyncio
import json
from typing import Any

import pytest

import wire
from benchmarks.serving import serving
from benchmarks.soak import run as soak
from benchmarks.soak.people import Person, Place
from benchmarks.soak.probe import Probe
from benchmarks.soak.visit import SoakCounts, Visit

QUICK = ["--clients", "4", "--minutes", "0.08", "--warmup", "1.5", "--visit-seconds", "0.4", "--still-every", "0.1"]
FAKE = ["--engine", "fake", "--fake-tick", "0.005"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that wait for an answer for a second only."""
    monkeypatch.setattr("benchmarks.soak.visit.PATIENCE", 1.0)


def test_a_server_of_its_own(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A few seconds against the fake engine: every frame is answered, and nothing is left over."""
    # of a process that has just started, memory and latency are no matter of five seconds
    monkeypatch.setattr("benchmarks.soak.report.MOST_DRIFT", 1.0)
    monkeypatch.setattr("benchmarks.soak.report.MOST_SLOWER", 100.0)
    status = soak.main([*QUICK, *FAKE])
    table, _, last = capsys.readouterr().out.strip().rpartition("\n")
    result = json.loads(last)
    assert (status, result["misses"]) == (0, []), table
    assert "all held" in table
    assert result["answers"]["image"] > 3
    assert result["visits"]["visits"] > 3
    assert min(result["visits"]["vanished"], result["visits"]["resumed"], result["stills"]["asked"]) >= 1
    assert result["frames"]["sent"] == result["frames"]["answered"] + result["frames"]["abandoned"]
    assert {"bad_frame", "bad_id", "bad_image", "bad_params"} & result["complaints"].keys()
    assert result["left_over"]["sessions"]["most"] >= 1
    assert result["left_over"]["threads"]["before"] > 3
    assert result["latency_ms"]["first"]["p99"] > 0


def test_a_server_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """Given an address it starts none; what it cannot see from there is unknown, and not held against the server."""
    with serving(["--engine", "fake", "--fake-tick", "0.005", "--api-keys", "k"]) as server:
        soak.main([*QUICK, "--url", server.url, "--key", "k"])
        assert server.process.poll() is None
        assert Probe(server.url, server.process.pid, "k").look().threads is not None
    result = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert result["left_over"]["threads"] == {"before": None, "most": None, "after": None}
    assert result["tracebacks"] is None
    assert result["frames"]["answered"] > 3
    assert not [miss for miss in result["misses"] if not miss.startswith(("resident", "the p99"))]


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Where no server answers the status is 1, with the reason."""
    assert soak.main([*QUICK, "--url", "ws://127.0.0.1:9"]) == 1
    assert "cannot open a stream" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--clients", "0"], ["--minutes", "0.5", "--warmup", "60"]])
def test_what_cannot_be(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A soak without clients, or one that is all warm-up, is refused."""
    with pytest.raises(SystemExit):
        soak.main(wrong)
    assert "shorter than the whole" in capsys.readouterr().err


async def _visited(standing_in: Any, seconds: float = 1.0, **how: Any) -> Any:
    """The tally of two people at a stand-in server."""
    async with standing_in(**how) as server:
        tally, over = SoakCounts(), asyncio.Event()
        place = Place(server.url, None, None, [b"\xff\xd8\xff a", b"\xff\xd8\xff b"], 0.3, 50.0)
        people = asyncio.gather(*(Person(place, tally, over, seed).live() for seed in (1, 2)))
        await asyncio.sleep(seconds)
        over.set()
        await people
    return tally


@pytest.mark.usefixtures("impatient")
async def test_frames_that_get_no_answer(standing_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that a server swallows are counted as unanswered by whoever waited for them."""
    monkeypatch.setattr("benchmarks.soak.people._VANISH", 0.0)
    tally = await _visited(
        standing_in,
        answer=lambda frame: None if frame.id == 3 else wire.FrameOut(frame.id, wire.AnswerKind.IMAGE, image=b"\xff\xd8\xff"),
    )
    assert tally.unanswered >= 1
    assert tally.sent == tally.answered + tally.unanswered
    assert tally.abandoned == 0


@pytest.mark.usefixtures("impatient")
async def test_answers_that_nobody_asked_for(standing_in: Any) -> None:
    """Answers to frames that were not sent are counted, and are no answers."""
    tally = await _visited(
        standing_in, answer=lambda frame: wire.FrameOut(frame.id + 1000, wire.AnswerKind.IMAGE, image=b"\xff")
    )
    assert tally.unasked >= 1
    assert tally.answered == 0


async def test_answers_out_of_order(standing_in: Any) -> None:
    """Two answers in the wrong order are seen."""
    held: list[int] = []

    def answer(frame: wire.FrameIn) -> wire.FrameOut | None:
        held.append(frame.id)
        return wire.FrameOut({1: 2, 2: 1}[frame.id], wire.AnswerKind.REPEAT)

    async with standing_in(answer=answer) as server:
        tally = SoakCounts()
        visit = await Visit.begin(server.url + "/v1/stream", None, tally)
        # both are on their way before either is answered
        server.delay = 0.05
        await visit.frame(b"\xff\xd8\xff")
        await visit.frame(b"\xff\xd8\xff")
        await visit.leave()
    assert (tally.out_of_order, tally.answered, tally.unanswered) == (1, 2, 0)


async def test_who_is_not_let_in(standing_in: Any) -> None:
    """Refusals are counted by kind, and tried again."""
    tally = await _visited(standing_in, close_first=(wire.CLOSE_FULL, "full; try again in 1 s"))
    assert tally.refused["Full"] >= 2
    assert tally.visits == 0
