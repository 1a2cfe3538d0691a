"""The load client counts what really happened."""

import asyncio
import json
import sys
from typing import Any

from benchmarks.load.run import parse, run
from wire import AnswerKind, FrameIn, FrameOut, error

JPEG = b"\xff\xd8\xff"


def short(url: str, *more: str) -> Any:
    return parse(["--url", url, "--seconds", "0.4", "--warmup", "0.1", "--grace", "30", *more])


async def test_closed_loop(standing_in: Any) -> None:
    """Every client keeps its window full, none is favoured, and every frame is answered."""
    async with standing_in(window=3, delay=0.02) as server:
        result = await run(short(server.url, "--clients", "3"))
    assert result["unanswered"] == result["out_of_order"] == result["bad_payloads"] == 0
    assert result["sent"] == len(server.frames)
    assert result["fairness"] > 0.8  # of few images, on a machine that may be busy
    assert 0 < result["images_per_s"] <= 460  # 3 clients, 3 frames each every 20 ms at best
    assert server.most_under_way <= 9
    assert len({params["prompt"] for params in server.params}) == 3
    assert {params["seed"] for params in server.params} == {0, 1, 2}


async def test_open_loop(standing_in: Any) -> None:
    """At a given pace, frames that find no room are skipped and counted."""
    async with standing_in(window=1, delay=0.1) as server:
        result = await run(short(server.url, "--fps", "50"))
    assert 1 <= result["sent"] <= 6
    assert result["skipped"] >= 1
    assert result["unanswered"] == 0


async def test_unanswered_frames_are_counted(standing_in: Any) -> None:
    """A frame without an answer after the grace is unanswered."""
    async with standing_in(window=2, answer=lambda frame: None) as server:
        result = await run(short(server.url, "--clients", "2", "--grace", "0.2"))
    assert result["unanswered"] == 4
    assert [client["unanswered"] for client in result["per_client"]] == [2, 2]
    assert result["images"] == 0
    assert result["stages_ms"]["total"]["p99"] is None


async def test_late_answers_are_waited_for(standing_in: Any) -> None:
    """What is under way at the end of the measured time is waited for and not called unanswered."""
    async with standing_in(delay=0.15) as server:
        result = await run(short(server.url))
    assert result["unanswered"] == 0
    assert result["images"] < result["sent"]


async def test_kinds_and_errors(standing_in: Any) -> None:
    """Images, repeats, drops and errors are told apart."""

    def answer(frame: FrameIn) -> FrameOut | dict[str, Any]:
        kinds = {0: AnswerKind.IMAGE, 1: AnswerKind.REPEAT, 2: AnswerKind.DROPPED}
        if frame.id % 4 == 3:
            return error("bad_image", "no", frame.id)
        return FrameOut(frame.id, kinds[frame.id % 4], rows=2, image=JPEG if frame.id % 4 == 0 else b"")

    async with standing_in(delay=0.002, answer=answer) as server:
        result = await run(short(server.url))
    counts = [result["images"], result["repeats"], result["dropped"], result["errors"]["bad_image"]]
    assert min(counts) >= 1
    assert max(counts) - min(counts) <= 2
    assert result["rows_per_tick"] == 2
    assert result["unanswered"] == 0


async def test_what_is_wrong_with_answers(standing_in: Any) -> None:
    """Payloads that are no images and answers out of order are counted."""
    held: list[FrameIn] = []

    def answer(frame: FrameIn) -> FrameOut | None:
        # the second frame is answered before the first, as no server may
        held.append(frame)
        chosen = {1: None, 2: 2, 3: 1}.get(len(held), frame.id)
        return chosen and FrameOut(chosen, AnswerKind.IMAGE, image=b"not a picture")

    async with standing_in(window=3, answer=answer) as server:
        result = await run(short(server.url, "--grace", "5"))  # it is waited out: one frame has no answer of its own
    assert result["out_of_order"] == 1
    assert result["bad_payloads"] >= 3


async def test_stages(standing_in: Any) -> None:
    """Stage times are the header's, in milliseconds; the total is measured here."""
    async with standing_in(delay=0.01) as server:
        result = await run(short(server.url, "--slice", "0.2"))
    stages = {name: shares["p50"] for name, shares in result["stages_ms"].items()}
    assert stages == {"wait": 1, "decode": 2, "engine": 3, "encode": 4, "total": stages["total"]}
    assert stages["total"] > 10
    assert [part["start_s"] for part in result["slices"]] == [0, 0.2]
    assert sum(part["images"] for part in result["slices"]) == result["images"]


async def test_refused_clients(standing_in: Any) -> None:
    """A client that the server turns away is a failure with its reason, and the load goes on without it."""
    async with standing_in(close_first=(1013, "full")) as server:
        result = await run(short(server.url, "--clients", "2"))
    assert result["failures"] == {"Full: full": 2}


async def test_a_server_that_dies(standing_in: Any) -> None:
    """Frames under way when the connection breaks are unanswered, and the client has failed."""
    async with standing_in(answer=lambda frame: None) as server:
        load = asyncio.create_task(run(short(server.url, "--seconds", "2")))
        await server.until(lambda: len(server.frames) == 2)
        await server.drop_everyone()
        result = await load
    assert result["unanswered"] == 2
    assert list(result["failures"]) == ["Gone: the connection broke without a closing message"]


async def test_command(standing_in: Any) -> None:
    """The command prints JSON and ends with 0 when every frame was answered, with 1 when not."""
    for answer, code in ((None, 0), (lambda frame: None, 1)):
        async with standing_in(**({"answer": answer} if answer else {"delay": 0.01})) as server:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "benchmarks.load", "--url", server.url, "--json"),
                *("--seconds", "0.2", "--warmup", "0", "--grace", "0.1" if answer else "30"),
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == code
        assert json.loads(output)["clients"] == 1
