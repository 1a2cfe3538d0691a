"""Energy: joules where somebody can tell, by whichever way one asks, and not a word where nobody can."""

import asyncio
import re
from collections.abc import Iterator
from typing import Any

import pytest

PATH = "/v1/images/generations"
WATTS = 35.0


@pytest.fixture(scope="module")
def metered(start: Any) -> Iterator[Any]:
    """A server whose operator says that it draws 35 W while it paints."""
    server = start("--engine", "fake", "--fake-tick", "0.02", "--watts", str(WATTS))
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.said()


async def _painted(server: Any, **asked: Any) -> list[dict[str, Any]]:
    async with server.http() as http:
        response = await http.post(PATH, json={"prompt": "x", **asked})
    assert response.status_code == 200, response.text
    timings: list[dict[str, Any]] = response.json()["timings"]
    return timings


async def _known(server: Any) -> list[dict[str, Any]]:
    """The timings of two stills, once a window with painting in it has closed."""
    for _ in range(100):
        timings = await _painted(server, n=2)
        if "joules" in timings[0]:
            return timings
        await asyncio.sleep(0.1)
    pytest.fail("no still said its joules")


def _only_the_model(server: Any) -> None:
    if meters := set(re.findall(r'meter="(\w+)"', server.metrics())) - {"model"}:
        pytest.skip(f"this machine has meters of its own: {', '.join(meters)}")


async def _per_image(server: Any) -> float:
    """Joules an image of the last window, which says nothing if nobody painted in it."""
    for _ in range(100):
        await _painted(server)
        if found := server.metric("allaprima_joules_per_image", student="embedded", meter="model"):
            return float(found)
        await asyncio.sleep(0.1)
    pytest.fail("no joules per image")


async def _joules(server: Any) -> float:
    return float(await asyncio.to_thread(server.metric, "allaprima_energy_joules_total", device="machine", meter="model"))


async def test_stills(metered: Any) -> None:
    """A still says what it took: its share of its tick's seconds, times the watts."""
    timings = await _known(metered)
    _only_the_model(metered)
    for one in timings:
        assert one["meter"] == "model"
        assert one["joules"] == pytest.approx(WATTS * one["engine"] / one["rows"], rel=0.05)


async def test_series(metered: Any) -> None:
    """The device's joules are watts times seconds of ticks; none are idle, and an image's are its share."""
    await _known(metered)
    _only_the_model(metered)
    wanted = WATTS * metered.metric("allaprima_tick_seconds_sum")
    joules = await _joules(metered)
    while joules < 0.95 * wanted:  # until the window has closed
        await asyncio.sleep(0.1)
        joules = await _joules(metered)
    assert joules == pytest.approx(wanted, rel=0.05)
    assert joules > 0
    text = metered.metrics()
    assert 'allaprima_energy_idle_joules_total{device="machine",meter="model"} 0.0' in text
    assert 'allaprima_power_watts{device="machine",meter="model"}' in text
    # a tick takes 20 ms or more, a hundred times that on a busy machine, and paints few images; a window ends anywhere in one
    assert 0.1 * WATTS * 0.02 < await _per_image(metered) < 100 * WATTS * 0.02


async def test_a_session(metered: Any, encoded: Any) -> None:
    """The line that ends a session says what its images took, and by which meter."""
    async with metered.live() as user:
        await user.params(similarity=None)
        engine = 0.0
        for number in range(60):
            answer = await user.paint(number, encoded())
            engine += answer.times[2] / answer.rows / 1e6
        session = user.ready["name"]
    await metered.metric_becomes(0, "allaprima_sessions")
    _only_the_model(metered)
    [line] = [line for line in metered.said().splitlines() if f"session={session}" in line]
    said = dict(re.findall(r"(\w+)=(\S+)", line))
    assert said["meter"] == "model"
    assert float(said["joules"]) == pytest.approx(WATTS * engine, rel=0.1)
    assert float(said["joules"]) > WATTS * 60 * 0.02 * 0.9


async def test_without_a_meter(server: Any) -> None:
    """Where nothing counts there is no series, and no word of joules."""
    timings = await _painted(server)
    _only_the_model(server)
    assert timings[0].keys() == {"wait", "decode", "engine", "upscale", "encode", "rows"}
    assert not re.search("energy|power|joules", server.metrics())


async def test_off(start: Any) -> None:
    """Switched off, nothing is metered, whatever the watts."""
    server = start("--engine", "fake", "--energy", "off", "--watts", "35")
    await _painted(server)
    await asyncio.sleep(1.2)
    assert "joules" not in (await _painted(server))[0]
    assert "joules" not in server.metrics()
    assert server.stop() == 0
