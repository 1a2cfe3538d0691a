"""Several students on one server: sessions and REST calls choose, and none disturbs another."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.student_files import FEW_STEPS, write_student

IMAGE = 1
STUDENTS = ("embedded", "four", "stills")


@pytest.fixture(scope="module")
def server(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("students")
    write_student(folder, "four", size=(64, 128))
    write_student(folder, "stills", FEW_STEPS.replace("levels", "none"), size=(64, 128))
    flags = ("--engine", "fake", "--fake-tick", "0.002")
    return start(*flags, "--students", str(folder), "--student", ",".join(STUDENTS))


async def test_models(server: Any) -> None:
    """All are listed, the default first, each with what it can do."""
    async with server.http() as http:
        listed = (await http.get("/v1/models")).json()["data"]
        assert [model["id"] for model in listed] == list(STUDENTS)
        four = (await http.get("/v1/models/four")).json()
    assert (four["steps"], four["strengths"], four["width"], four["height"]) == (4, [0.25, 0.5, 0.75, 1.0], 64, 128)
    assert listed[2]["img2img"] is False


async def test_a_still_by_each(server: Any) -> None:
    """A REST call names its student by `model`, and gets its size; none named is the default."""
    async with server.http() as http:
        for model, size in ((None, "256x256"), ("four", "64x128"), ("stills", "64x128")):
            answer = (await http.post("/v1/images/generations", json={"prompt": "x", "model": model})).json()
            assert answer["size"] == size
        unknown = await http.post("/v1/images/generations", json={"prompt": "x", "model": "nobody"})
    assert unknown.status_code == 404
    assert "embedded, four, stills" in unknown.json()["error"]["message"]


async def test_each_is_counted_apart(server: Any) -> None:
    """Jobs and stages are told of each student, from the start, and what one paints is not another's."""
    painted = {
        name: server.metric("allaprima_stage_seconds_count", student=name, api="openai", stage="total") for name in STUDENTS
    }
    async with server.http() as http:
        (await http.post("/v1/images/generations", json={"prompt": "x", "model": "four", "n": 2})).raise_for_status()
    for name in STUDENTS:
        for gauge in ("allaprima_jobs_in_flight", "allaprima_jobs_waiting"):
            assert f'{gauge}{{student="{name}"}} 0.0' in server.metrics()
        now = server.metric("allaprima_stage_seconds_count", student=name, api="openai", stage="total")
        assert now - painted[name] == (2 if name == "four" else 0)


async def test_a_session_by_each(server: Any, encoded: Any) -> None:
    """A session names its student, is told its size, its window and its strengths, and paints beside another's."""
    async with server.live("?student=four") as few, server.live() as one:
        assert (few.ready["student"], few.ready["width"], few.ready["window"]) == ("four", 64, 6)
        assert few.ready["strengths"] == [0.25, 0.5, 0.75, 1.0]
        assert (one.ready["student"], one.ready["window"], one.ready["strengths"]) == ("embedded", 3, [])
        answers = await asyncio.gather(few.paint(1, encoded()), one.paint(1, encoded()))
    assert [answer.kind for answer in answers] == [IMAGE, IMAGE]


async def test_a_strength_it_was_not_trained_for(server: Any, encoded: Any) -> None:
    """Such a strength is refused with those there are, what was in force stays, and the session goes on."""
    async with server.live("?student=four") as user:
        refused = await user.params(strength=0.6)
        assert (refused["type"], refused["code"]) == ("error", "bad_params")
        assert "0.25, 0.5, 0.75, 1 only, not 0.6" in refused["message"]
        assert (await user.params(strength=0.75))["strength"] == 0.75
        assert (await user.paint(1, encoded())).kind == IMAGE


async def test_guidance_of_a_student_that_is_told_none(server: Any) -> None:
    """A guidance scale is refused where the network is told none, live and by REST."""
    async with server.live() as user:
        assert "built in" in (await user.params(guidance=3.0))["message"]
    async with server.http() as http:
        refused = await http.post("/v1/images/generations", json={"prompt": "x", "guidance_scale": 3.0})
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "guidance_scale")


async def test_resume_keeps_the_student(server: Any) -> None:
    """A session that comes back without naming a student has its own; naming another it gets a new session."""
    async with server.live("?student=four") as user:
        session = user.ready["session"]
    await server.metric_becomes(0, "allaprima_sessions")
    async with server.live(f"?resume={session}") as back:
        assert (back.ready["session"], back.ready["student"]) == (session, "four")
    await server.metric_becomes(0, "allaprima_sessions")
    async with server.live(f"?resume={session}&student=embedded") as other:
        assert other.ready["session"] != session
        assert other.ready["student"] == "embedded"
