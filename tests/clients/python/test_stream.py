"""A stream keeps its window, answers every frame once, and says clearly how it ended."""

import asyncio
import time
from typing import Any

import pytest
from allaprima.errors import BadParams, Ended, Full, Gone, Refused
from allaprima.stream import Problem, Stream

from wire import AnswerKind, FrameOut, error

FRAME = b"\xff\xd8 a frame"


async def test_frames_come_back(standing_in: Any) -> None:
    """Each frame is answered under the id that sending it gave."""
    async with standing_in() as server, Stream(server.url, "a lighthouse", seed=3) as stream:
        ids = [await stream.send(FRAME) for _ in range(5)]
        answers = [await stream.receive() for _ in ids]
    assert [answer.id for answer in answers] == ids == [1, 2, 3, 4, 5]
    assert all(isinstance(answer, FrameOut) and answer.kind is AnswerKind.IMAGE for answer in answers)
    assert server.params == [{"prompt": "a lighthouse", "seed": 3}]
    assert (stream.student, stream.width, stream.height) == ("stand-in", 64, 48)


async def test_window(standing_in: Any) -> None:
    """However fast a caller sends, no more than a window of frames is under way."""
    async with standing_in(window=3, delay=0.01) as server, Stream(server.url) as stream:
        for _ in range(20):
            await stream.send(FRAME)
            assert stream.unanswered <= 3
        assert await stream.settle(30) == 0
    assert server.most_under_way == 3


async def test_send_waits_for_room(standing_in: Any) -> None:
    """With a full window that nobody answers, sending waits."""
    async with standing_in(window=1, answer=lambda frame: None) as server, Stream(server.url) as stream:
        await stream.send(FRAME)
        assert not stream.has_room
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.send(FRAME), 0.05)
        assert await stream.settle(0.05) == 1


async def test_latency(standing_in: Any) -> None:
    """The time of an answer is from sending its frame to its arrival."""
    async with standing_in(delay=0.05) as server, Stream(server.url) as stream:
        began = time.perf_counter()
        await stream.send(FRAME)
        assert await stream.settle(30) == 0
        arrived = time.perf_counter()
        await asyncio.sleep(0.1)
        _, seconds = await stream.receive_timed()
    assert 0.045 < seconds <= arrived - began


async def test_an_error_answers_its_frame(standing_in: Any) -> None:
    """An error with an id is that frame's answer and frees its place in the window."""
    async with (
        standing_in(window=1, answer=lambda frame: error("bad_image", "not an image", frame.id)) as server,
        Stream(server.url) as stream,
    ):
        for number in (1, 2):
            await stream.send(FRAME)
            assert await stream.receive() == Problem("bad_image", "not an image", number)


async def test_unasked_answers(standing_in: Any) -> None:
    """An answer to a frame that was never sent is reported and does not widen the window."""
    async with (
        standing_in(answer=lambda frame: FrameOut(frame.id + 7, AnswerKind.REPEAT)) as server,
        Stream(server.url) as stream,
    ):
        await stream.send(FRAME)
        answer = await stream.receive()
        assert isinstance(answer, Problem)
        assert answer.code == "unasked"
        assert stream.unanswered == 1


async def test_params(standing_in: Any) -> None:
    """Changing parameters gives what is in force afterwards."""
    async with standing_in() as server, Stream(server.url) as stream:
        assert await stream.params(strength=0.7) == {"rev": 1, "strength": 0.7}
        assert stream.in_force["strength"] == 0.7


async def test_bad_params(standing_in: Any) -> None:
    """Parameters that the server refuses raise, and the stream goes on."""
    async with standing_in() as server, Stream(server.url) as stream:
        with pytest.raises(BadParams, match="nonsense") as caught:
            await stream.params(nonsense=1)
        assert caught.value.code == "bad_params"
        await stream.send(FRAME)
        assert isinstance(await stream.receive(), FrameOut)


async def test_bad_params_at_first(standing_in: Any) -> None:
    """Entering with parameters that the server refuses raises and leaves no connection open."""
    async with standing_in() as server:
        with pytest.raises(BadParams):
            await Stream(server.url, "x", nonsense=1).__aenter__()
        await asyncio.wait_for(server.connections[0].wait_closed(), 30)


@pytest.mark.parametrize(("code", "kind"), [(1008, Refused), (1012, Gone), (1013, Full)])
async def test_closed_by_the_server(standing_in: Any, code: int, kind: type[Exception]) -> None:
    """When the server closes, whoever receives, sends or changes parameters learns why."""
    async with standing_in(answer=lambda frame: None) as server, Stream(server.url) as stream:
        waiting = asyncio.create_task(stream.receive())
        await stream.send(FRAME)
        await server.connections[0].close(code, "so it is")
        with pytest.raises(kind, match="so it is"):
            await waiting
        with pytest.raises(kind):
            await stream.send(FRAME)
        with pytest.raises(kind):
            await stream.params(seed=1)


async def test_iteration_ends_in_good_order(standing_in: Any) -> None:
    """Iterating over answers stops when the server closes normally, after the last answer."""
    async with standing_in() as server, Stream(server.url) as stream:
        await stream.send(FRAME)
        await stream.settle(2)
        await server.connections[0].close(1000)
        assert [answer.id async for answer in stream] == [1]
        with pytest.raises(Ended):
            await stream.receive()


async def test_broken_protocol(standing_in: Any) -> None:
    """A message that the wire format does not know ends the stream as refused."""
    async with standing_in() as server, Stream(server.url) as stream:
        await server.connections[0].send(b"\x01\x02")
        with pytest.raises(Refused, match="broke the protocol"):
            await stream.receive()


async def test_resume(standing_in: Any) -> None:
    """A dropped connection comes back to its session; frames under way are lost, and ids go on rising."""
    async with standing_in(answer=lambda frame: None) as server, Stream(server.url, "x", reconnect=True) as stream:
        session = stream.session
        assert await stream.send(FRAME) == 1
        await server.drop_everyone()
        answer = await stream.receive()
        assert isinstance(answer, Problem)
        assert (answer.id, answer.code) == (1, "lost")
        assert await stream.send(FRAME) == 2
        assert stream.session == session
    assert server.queries[1] == {"resume": [session]}
    assert server.params == [{"prompt": "x"}]


async def test_resume_of_a_forgotten_session(standing_in: Any) -> None:
    """A server that no longer knows the session gets a new one with the parameters in force before."""
    async with standing_in() as server, Stream(server.url, "x", reconnect=True) as stream:
        await stream.params(strength=0.9)
        before = stream.session
        server.known.clear()
        await server.drop_everyone()
        await stream.send(FRAME)
        await stream.receive()
        assert stream.session != before
    assert server.params[-1] == {"prompt": "x", "strength": 0.9}


async def test_no_resume_unless_asked(standing_in: Any) -> None:
    """Without reconnect, a dropped connection ends the stream."""
    async with standing_in() as server, Stream(server.url) as stream:
        await server.drop_everyone()
        with pytest.raises(Gone):
            await stream.receive()
    assert len(server.connections) == 1


async def test_close_twice(standing_in: Any) -> None:
    """Closing is idempotent, and a closed stream says so."""
    async with standing_in() as server, Stream(server.url) as stream:
        await stream.close()
        await stream.close()
        with pytest.raises(Ended):
            await stream.send(FRAME)
