"""Proof without weights, through a real server: for every student, what comes out of the wire is what its authors would make.

Each student's file is as it ships, but for its graphs: those of the oracle, a known image maker wrapped as that student's
network (see tests/engines/oracle.py). A PNG says its latents exactly.
"""

import asyncio
import base64
import io
import json
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed

from engines.students import STUDENTS, load_student, student_names
from tests.engines import oracle
from tests.engines.oracle import PICTURES, PUBLISHED

EXACT = 1e-4
IMAGE = 1
NAMES = student_names()
PROMPTED = [name for name in NAMES if load_student(name).txt2img]
"""Those that paint from words alone; the others are shown a picture."""
REPAINTING = [name for name in NAMES if name in PUBLISHED and PUBLISHED[name].strengths]
GUIDED = "lcm-dreamshaper-v7"
SCALE = 8.0
"""The guidance scale of GUIDED where nobody says another; its network is told one less."""


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(part)}" for key, part in value.items()) + " }"
    return json.dumps(value)


SEEING = ("swiftbrush", "lcm-lora-sd15")
"""Students that are served with eyes, too: one that repaints nothing, and one that does."""
EYES = """control.first = { eye = "tile", licence = "ours" }
control.second = { eye = "grey", licence = "ours" }
"""


def _write_seeing(name: str, graphs: Path, folder: Path) -> str:
    """The same with controls, under a name of its own."""
    _write_student(name, graphs, folder)
    file = folder / f"{name}.toml"
    text = file.read_text().replace(f'name = "{name}"', f'name = "seeing-{name}"')
    (folder / f"seeing-{name}.toml").write_text(EYES + text)
    file.unlink()
    return f"seeing-{name}"


def _write_student(name: str, graphs: Path, folder: Path) -> None:
    """A student's own file at the oracle's size, with its graphs."""
    data = tomllib.loads((STUDENTS / f"{name}.toml").read_text())
    data.pop("weights", None)
    # one shape of networks for all: what is told to SDXL's beside has tests of its own
    data |= {"architecture": "sd15", "graphs": str(graphs), "image": {"width": oracle.SIDE, "height": oracle.SIDE}}
    (folder / f"{name}.toml").write_text("".join(f"{key} = {_toml(value)}\n" for key, value in data.items()))


@pytest.fixture(scope="module")
def served(start: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One server of all students, of the oracle each."""
    folder = tmp_path_factory.mktemp("students")
    graphs = oracle.graphs(tmp_path_factory.getbasetemp() / "oracle")
    controlled = oracle.graphs(tmp_path_factory.getbasetemp() / "controlled", True)
    seeing = [_write_seeing(name, controlled, folder) for name in SEEING]
    for name in NAMES:
        _write_student(name, graphs, folder)
    server = start(
        "--students", str(folder), "--student", ",".join([*NAMES, *seeing]), "--engine", "openvino", "--precision", "f32",
        "--threads", "1", "--batch-sizes", "4", "--max-waiting", "200", "--cache", str(folder / "cache"),
        "--frame-deadline", "30",
    )  # fmt: skip
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.said()


def _w(name: str, scale: float = SCALE) -> float:
    return scale - 1 if name == GUIDED else 0.0


def _distance(image: bytes, *asked: Any) -> float:
    """From an image to what the student's authors make: name, picture, seed, strength, source, w."""
    got = oracle.to_latents(np.asarray(Image.open(io.BytesIO(image)).convert("RGB")))
    return float(np.abs(got - oracle.seen(*asked)[-1].landed.numpy()).max())


def _file(frame: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(oracle.to_pixels(oracle.source(frame))).save(buffer, "PNG")
    return buffer.getvalue()


async def _stills(http: Any, name: str, picture: str, seed: int, n: int = 1, **more: Any) -> list[tuple[bytes, int]]:
    """`n` images of seeds from `seed` on, each with the number of rows that shared its last tick."""
    asked = {"model": name, "prompt": oracle.prompt(name, picture), "seed": seed, "n": n, **more}
    answer = await http.post("/v1/images/generations", json=asked)
    assert answer.status_code == 200, answer.text
    data, timings = answer.json()["data"], answer.json()["timings"]
    return [(base64.b64decode(image["b64_json"]), t["rows"]) for image, t in zip(data, timings, strict=True)]


@asynccontextmanager
async def _user(served: Any, name: str, picture: str = "boat", seed: int = 0, **params: Any) -> AsyncIterator[Any]:
    async with served.live(f"?student={name}") as user:
        said = await user.params(prompt=oracle.prompt(name, picture), seed=seed, format="png", similarity=None, **params)
        assert said["type"] == "params", said
        yield user


async def test_stills(served: Any) -> None:
    """Stills of all students that need no picture, asked for at once and several of each, are their authors'."""
    async with served.http() as http:
        painted = await asyncio.gather(*(_stills(http, name, "heart", 7, 3) for name in PROMPTED))
    for name, images in zip(PROMPTED, painted, strict=True):
        for i, (image, _) in enumerate(images):
            assert _distance(image, name, "heart", 7 + i, None, None, _w(name)) <= EXACT, name


@pytest.mark.parametrize("name", REPAINTING)
async def test_frames(served: Any, name: str) -> None:
    """Frames are repainted at every strength that the student knows, and no other is taken."""
    async with _user(served, name, "house", 3, strength=1.0) as user:
        for number, strength in enumerate(PUBLISHED[name].strengths):
            assert (await user.params(strength=strength))["type"] == "params"
            answer = await user.paint(number, _file(number))
            assert answer.kind == IMAGE
            assert _distance(answer.image, name, "house", 3, strength, oracle.source(number), _w(name)) <= EXACT
        refused = await user.params(strength=0.6 if PUBLISHED[name].strengths == oracle.FOUR else 1.01)
        assert (refused["type"], refused["code"]) == ("error", "bad_params")


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(REPAINTING)))
async def test_stills_only(served: Any, name: str) -> None:
    """A student that knows one level of noise takes no live user, and says why."""
    async with served.live(f"?student={name}", greeted=False) as user:
        with pytest.raises(ConnectionClosed) as closed:
            await user.next()
    assert "makes stills only" in closed.value.rcvd.reason  # type: ignore[union-attr]


async def _film(user: Any, frames: int) -> list[Any]:
    """Frames as fast as the session's window lets them come, and their answers."""
    room, answers = asyncio.Semaphore(user.ready["window"] - 1), list[Any]()

    async def listen() -> None:
        while len(answers) < frames:
            answers.append(await user.next())
            room.release()

    listening = asyncio.ensure_future(listen())
    for number in range(frames):
        await room.acquire()
        await user.frame(number, _file(number))
    await listening
    return answers


@pytest.mark.parametrize("name", ["lcm-lora-sd15", "tcd-sd15-lora", "2-rectified-flow", "sd-turbo"])
async def test_users_in_company(served: Any, name: str) -> None:
    """Live users of other prompts and strengths, and stills, share a student's ticks, and each gets the picture asked for."""
    strengths = (0.25, 0.5, 0.77, 1.0)
    async with AsyncExitStack() as doors, served.http() as http:
        users = [
            await doors.enter_async_context(_user(served, name, PICTURES[i], i, strength=strength))
            for i, strength in enumerate(strengths)
        ]
        films = asyncio.gather(*(_film(user, 6) for user in users))
        stills = [
            still
            for part in await asyncio.gather(*(_stills(http, name, "moon", 10 * i, 10) for i in range(4)))
            for still in part
        ]
        answers = await films
    assert max(rows for _, rows in stills) > 1
    for seed, (image, _) in enumerate(stills):
        assert _distance(image, name, "moon", seed) <= EXACT
    for i, (strength, film) in enumerate(zip(strengths, answers, strict=True)):
        assert [answer.id for answer in film] == list(range(6))
        images = [answer for answer in film if answer.kind == IMAGE]
        assert images
        for answer in images:
            assert _distance(answer.image, name, PICTURES[i], i, strength, oracle.source(answer.id)) <= EXACT


async def test_guidance(served: Any) -> None:
    """The scale that a user asks for is what the network is told, less one: in stills and live, each user's own."""
    async with served.http() as http:
        painted = await asyncio.gather(*(_stills(http, GUIDED, "star", 2, guidance_scale=s) for s in (1.0, 2.5, 14.0)))
        for scale, ((image, _),) in zip((1.0, 2.5, 14.0), painted, strict=True):
            assert _distance(image, GUIDED, "star", 2, None, None, _w(GUIDED, scale)) <= EXACT
    async with _user(served, GUIDED, "star", 2, strength=0.5, guidance=4.0) as user:
        answer = await user.paint(0, _file(0))
        assert _distance(answer.image, GUIDED, "star", 2, 0.5, oracle.source(0), _w(GUIDED, 4.0)) <= EXACT


def _seen(name: str, number: int, scales: tuple[float, float], strength: float | None = None) -> Any:
    """What the authors' loop makes of a prompt when two controls are shown a frame, the second its grey."""
    frame = oracle.to_pixels(oracle.source(number))
    grey = np.array(Image.fromarray(frame).convert("L").convert("RGB"))
    added = oracle.added([(frame, scales[0]), (grey, scales[1])])
    source = None if strength is None else oracle.source(number)
    return oracle.seen(name, "boat", 4, strength, source, 0.0, added)[-1].landed.numpy()


def _off(image: bytes, expected: Any) -> float:
    return float(np.abs(oracle.to_latents(np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))) - expected).max())


async def test_a_student_that_sees(served: Any) -> None:
    """A student that cannot repaint is live by its eyes: it makes exactly what its image maker makes of what it is shown, with
    strength as the scale, beside stills that are shown nothing; and a still of a picture is made in the same way."""
    name, seeing = SEEING[0], f"seeing-{SEEING[0]}"
    async with served.live(f"?student={seeing}") as user, served.http() as http:
        assert [(eye["name"], eye["sees"]) for eye in user.ready["eyes"]] == [("first", "tile"), ("second", "grey")]
        assert (user.ready["img2img"], user.ready["params"]["strength"]) == (False, 1.0)
        prompt = oracle.prompt(name, "boat")
        stills = asyncio.ensure_future(_stills(http, name, "moon", 0, 10))
        for number, strength in enumerate((1.0, 0.5, 0.0)):
            await user.params(prompt=prompt, seed=4, format="png", similarity=None, strength=strength)
            answer = await user.paint(number, _file(number))
            assert _off(answer.image, _seen(name, number, (strength, 0.0))) <= EXACT
        eyes = [{"name": "second", "scale": 1.5}, {"name": "first", "scale": 0.25}]
        assert (await user.params(eyes=eyes))["eyes"][0]["scale"] == 1.5
        answer = await user.paint(7, _file(7))
        assert _off(answer.image, _seen(name, 7, (0.25, 1.5))) <= EXACT
        refused = await user.params(eyes=[{"name": "third"}])
        assert (refused["code"], "choose among first, second" in refused["message"]) == ("bad_params", True)
        await user.params(eyes=[{"name": "first"}], show="eyes")
        assert (await user.paint(8, _file(8))).image is not None
        for seed, (image, _) in enumerate(await stills):
            assert _distance(image, name, "moon", seed) <= EXACT
        form = {"model": seeing, "prompt": prompt, "seed": "4", "strength": "0.5", "output_format": "png"}
        edited = await http.post("/v1/images/edits", data=form, files={"image": _file(9)})
        image = base64.b64decode(edited.json()["data"][0]["b64_json"])
        assert _off(image, _seen(name, 9, (0.5, 0.0))) <= EXACT


async def test_a_student_that_sees_and_repaints(served: Any) -> None:
    """One that repaints does so under its eyes, where they are asked for."""
    name = SEEING[1]
    async with served.live(f"?student=seeing-{name}") as user:
        prompt = oracle.prompt(name, "boat")
        await user.params(prompt=prompt, seed=4, format="png", similarity=None, strength=0.5)
        plain = await user.paint(0, _file(3))
        assert _distance(plain.image, name, "boat", 4, 0.5, oracle.source(3)) <= EXACT
        await user.params(eyes=[{"name": "first", "scale": 0.75}])
        both = await user.paint(1, _file(3))
        assert _off(both.image, _seen(name, 3, (0.75, 0.0), 0.5)) <= EXACT
