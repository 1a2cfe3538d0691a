"""The live protocol, spoken to a real server by a client that knows only its documentation."""

import asyncio
import io
import itertools
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed

IMAGE, REPEAT, DROPPED = 1, 2, 3
EVERY_FRAME: dict[str, Any] = {"similarity": None}


def _pixels(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


async def test_ready_is_first(server: Any) -> None:
    """The server greets with the session, its size, its window and the params in force."""
    async with server.live(greeted=False) as user:
        ready = await user.next()
        assert user.socket.subprotocol == "allaprima.v1"
    assert ready["type"] == "ready"
    assert (ready["student"], ready["width"], ready["height"]) == ("embedded", 256, 256)
    assert ready["window"] >= 2
    assert ready["params"]["strength"] == 0.5
    assert ready["params"]["similarity"]["threshold"] == 0.98
    assert "watercolor" in ready["styles"]


async def test_without_a_subprotocol(server: Any) -> None:
    """A client that offers no subprotocol is served all the same."""
    async with server.live(subprotocols=()) as user:
        assert user.socket.subprotocol is None


async def test_an_image(server: Any, encoded: Any) -> None:
    """A frame is answered with an image of the student's size under its id, with its times."""
    async with server.live() as user:
        answer = await user.paint(7, encoded())
    assert (answer.id, answer.kind, answer.rev) == (7, IMAGE, 0)
    assert answer.rows >= 1
    assert answer.times[2] >= 5000  # the tick takes 5 ms
    assert _pixels(answer.image).shape == (256, 256, 3)
    assert answer.image[:2] == b"\xff\xd8"


@pytest.mark.parametrize(("name", "magic"), [("jpeg", b"\xff\xd8"), ("webp", b"RIFF"), ("png", b"\x89PNG")])
@pytest.mark.parametrize("sent", ["JPEG", "WEBP", "PNG"])
async def test_formats(server: Any, encoded: Any, name: str, magic: bytes, sent: str) -> None:
    """Any of the three formats in, any out."""
    async with server.live() as user:
        await user.params(format=name)
        answer = await user.paint(1, encoded(image_format=sent))
    assert answer.image.startswith(magic)


async def test_params(server: Any, encoded: Any) -> None:
    """Params are answered with all that is in force, and images say with which revision they were made."""
    async with server.live() as user:
        reply = await user.params(prompt="a boat", seed=4)
        assert (reply["type"], reply["rev"], reply["prompt"], reply["seed"], reply["quality"]) == ("params", 1, "a boat", 4, 85)
        assert (await user.params(quality=50))["rev"] == 2
        assert (await user.paint(1, encoded())).rev == 2


async def test_still_scenes_are_repeated(server: Any, encoded: Any) -> None:
    """At default settings at least 85% of equal frames are repeats, which cost the engine nothing."""
    before = server.outcome("image")
    async with server.live() as user:
        kinds = [(await user.paint(number, encoded())).kind for number in range(200)]
    assert kinds[0] == IMAGE
    assert kinds.count(REPEAT) >= 0.85 * len(kinds)
    assert kinds.count(IMAGE) + kinds.count(REPEAT) == len(kinds)
    assert server.outcome("image") - before == kinds.count(IMAGE)
    longest = max(len(run) for run in "".join("r" if kind == REPEAT else " " for kind in kinds).split())
    assert longest <= 10


async def test_other_scenes_are_not(server: Any, encoded: Any) -> None:
    """Frames unlike each other are all painted."""
    async with server.live() as user:
        kinds = [(await user.paint(number, encoded(seed=number))).kind for number in range(10)]
    assert kinds == [IMAGE] * 10


async def test_within_the_window(server: Any, encoded: Any) -> None:
    """A client that keeps to its window gets an answer to each frame, in order."""
    async with server.live() as user:
        await user.params(**EVERY_FRAME)
        sent, answers = 0, []
        while len(answers) < 60:
            while sent < 60 and sent - len(answers) < user.ready["window"]:
                await user.frame(sent, encoded(seed=sent % 5))
                sent += 1
            answers.append(await user.next())
    assert [answer.id for answer in answers] == list(range(60))
    assert {answer.kind for answer in answers} <= {IMAGE, DROPPED}
    assert answers[-1].kind == IMAGE
    assert all(not answer.image for answer in answers if answer.kind == DROPPED)


async def test_beyond_the_window(server: Any, encoded: Any) -> None:
    """A client that sends all at once gets each frame answered once and in order: the newest painted, most dropped."""
    async with server.live() as user:
        await user.params(**EVERY_FRAME)
        for number in range(300):
            await user.frame(number, encoded(seed=number % 5))
        answers = [await user.next() for _ in range(300)]
    assert [answer.id for answer in answers] == list(range(300))
    assert answers[-1].kind == IMAGE
    kinds = [answer.kind for answer in answers]
    assert kinds.count(DROPPED) > 50
    assert kinds.count(IMAGE) + kinds.count(DROPPED) == 300


async def test_the_same_bytes(server: Any, encoded: Any) -> None:
    """A fixed seed and frame give identical bytes, on one connection and on two."""
    images = []
    for _ in range(2):
        async with server.live() as user:
            await user.params(prompt="a boat", seed=9, **EVERY_FRAME)
            images += [(await user.paint(number, encoded(seed=3))).image for number in range(3)]
    assert len(set(images)) == 1


async def test_users_get_their_own(server: Any, encoded: Any) -> None:
    """Users at once with two prompts each get the images they would get alone, whoever shares their ticks."""

    async def stream(prompt: str, count: int) -> list[Any]:
        async with server.live() as user:
            await user.params(prompt=prompt, format="png", **EVERY_FRAME)
            return [await user.paint(number, encoded(seed=number % 3)) for number in range(count)]

    alone = {prompt: [answer.image for answer in await stream(prompt, 3)] for prompt in ("a red boat", "a green house")}
    assert alone["a red boat"] != alone["a green house"]
    prompts = [*alone, *alone]
    together = await asyncio.gather(*(stream(prompt, 30) for prompt in prompts))
    for prompt, answers in zip(prompts, together, strict=True):
        for number, answer in enumerate(answers):
            assert answer.image == alone[prompt][number % 3]
    assert any(answer.rows > 1 for answers in together for answer in answers)


async def test_strength_0(server: Any, encoded: Any, picture: Any) -> None:
    """At strength 0 the frame comes back."""
    async with server.live() as user:
        await user.params(strength=0, format="png")
        answer = await user.paint(1, encoded(picture(5)))
    assert np.abs(_pixels(answer.image) - picture(5)).mean() < 12


async def test_resume(server: Any, encoded: Any) -> None:
    """A connection that drops comes back to its params and revision; ids may start again."""
    async with server.live() as user:
        await user.params(prompt="kept", seed=11, format="png", **EVERY_FRAME)
        first = await user.paint(1000, encoded())
        session = user.ready["session"]
        user.socket.transport.abort()
    await server.metric_becomes(0, "allaprima_sessions")
    async with server.live(f"?resume={session}") as user:
        assert user.ready["session"] == session
        assert (user.ready["params"]["prompt"], user.ready["params"]["seed"], user.ready["rev"]) == ("kept", 11, 1)
        assert (await user.paint(0, encoded())).image == first.image


async def test_taken_over(server: Any, encoded: Any) -> None:
    """Who shows a session's token has it, though the old connection still counts as live: that one is told so and closed."""
    async with server.live() as old:
        await old.params(prompt="kept", seed=11, format="png", **EVERY_FRAME)
        first = await old.paint(1, encoded())
        async with server.live(f"?resume={old.ready['session']}") as new:
            assert (new.ready["session"], new.ready["name"]) == (old.ready["session"], old.ready["name"])
            assert (new.ready["params"]["prompt"], new.ready["rev"]) == ("kept", 1)
            with pytest.raises(ConnectionClosed) as closed:
                await old.next()
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, "come back" in closed.value.rcvd.reason) == (1008, True)
            assert (await new.paint(0, encoded())).image == first.image
            assert old.ready["session"] not in server.said()


@pytest.mark.parametrize("name", ["nobody", "", "%00", "x" * 5000, "../../etc/passwd"])
async def test_resume_of_nothing(server: Any, name: str) -> None:
    """A session that is not there gives a new one."""
    async with server.live(f"?resume={name}") as user:
        assert user.ready["session"] != name
        assert user.ready["rev"] == 0


async def test_resume_too_late(start: Any) -> None:
    """After its time a session is forgotten."""
    server = start("--engine", "fake", "--resume-seconds", "0.2")
    async with server.live() as user:
        await user.params(prompt="forgotten")
        session = user.ready["session"]
    await server.metric_becomes(0, "allaprima_sessions")
    await asyncio.sleep(0.3)
    async with server.live(f"?resume={session}") as user:
        assert user.ready["session"] != session
        assert user.ready["params"]["prompt"] == ""
    server.stop()


async def test_late_frames_are_dropped(start: Any, encoded: Any, tmp_path: Path) -> None:
    """Of frames that waited for a tick longer than they may, that of the tick is painted and the others are dropped."""
    gate, patience = tmp_path / "gate", 3.0
    server = start("--engine", "fake", "--batch-sizes", "1", "--fake-gate", str(gate), "--frame-deadline", str(patience))
    async with AsyncExitStack() as stack:
        users = [await stack.enter_async_context(server.live()) for _ in range(5)]
        for user in users:
            await user.params(**EVERY_FRAME)
        for user in users:
            await user.frame(1, encoded())
        await server.metric_becomes(5, "allaprima_jobs_in_flight")
        await asyncio.sleep(patience)
        gate.touch()
        kinds = [(await user.next()).kind for user in users]
        assert (kinds.count(IMAGE), kinds.count(DROPPED)) == (1, 4)
        assert server.outcome("dropped_late") == 4
        assert (await users[0].paint(2, encoded())).kind == IMAGE
    server.stop()


async def test_transition(server: Any, encoded: Any) -> None:
    """With a transition the images travel: the one in between is neither the old nor the new."""
    async with asyncio.timeout(60), server.live() as user:
        numbers = itertools.count()

        async def painted(**changes: Any) -> Any:
            if changes:
                await user.params(**changes)
            return _pixels((await user.paint(next(numbers), encoded())).image)

        new = await painted(prompt="b", strength=1, format="png", **EVERY_FRAME)
        old = await painted(prompt="a")
        far = np.abs(old - new).mean()
        between = await painted(prompt="b", transition=60)
        while np.abs(between - old).mean() <= 0.02 * far:
            between = await painted()
        assert np.abs(between - new).mean() > 0.05 * far
        await user.params(prompt="a", transition=0)
        arrived = await painted(prompt="b", transition=0.2)
        while not np.array_equal(arrived, new):
            arrived = await painted()
