from dataclasses import replace

import numpy as np
import pytest

from engines.gpu import noises
from engines.gpu.noises import NoiseTable
from engines.noise import noise
from tests.engines.gpu.studio import Studio
from tests.engines.gpu.suite import image

SHAPE = (2, 3)


def test_the_noise_of_every_engine() -> None:
    """What is sent is the engines' own noise of that seed and step."""
    table = NoiseTable(8, SHAPE)
    first, second = table.place(5, 0), table.place(5, 1)
    sent = dict(table.missing())
    np.testing.assert_array_equal(sent[first], noise(5, 0, SHAPE))
    np.testing.assert_array_equal(sent[second], noise(5, 1, SHAPE))


def test_sent_once() -> None:
    """A noise that is there is not sent again, until nothing is there any more."""
    table = NoiseTable(8, SHAPE)
    place = table.place(5, 0)
    assert len(table.missing()) == 1
    assert table.place(5, 0) == place
    assert table.missing() == []
    table.clear()
    table.place(5, 0)
    assert len(table.missing()) == 1


def test_the_last_uses_stay() -> None:
    """Of a table for four rows a tick, no place that the last two ticks used is given anew, whatever they use."""
    rows, random = 4, np.random.default_rng(0)
    table, last = NoiseTable(4 * rows, SHAPE), {}
    for _ in range(200):
        seeds = random.integers(0, 12, rows)
        used = {(int(seed), index): table.place(int(seed), index) for seed in seeds for index in (0, 1)}
        for key, place in used.items():
            assert all(other == key for other, where in last.items() if where == place)
        assert len(set(used.values())) == len(used)
        last = used


def test_no_noise_is_drawn_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step that wants none has a place of zeros, one for all, which is sent once; no noise is drawn for it."""
    monkeypatch.setattr(noises, "noise", None)
    table = NoiseTable(8, SHAPE)
    place = table.none()
    assert table.none() == place
    ((sent, zeros),) = table.missing()
    assert sent == place
    np.testing.assert_array_equal(zeros, np.zeros(SHAPE))


def test_a_step_without_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a student that starts at the image the device paints the same, and the host draws nothing."""
    studio = Studio()
    row = studio.repaint(3, picture=3)
    row = replace(row, step=replace(row.step, a_img=1.0, a_z=0.0))
    expected = image(studio.engine.tick([replace(row, job=900)])[0])
    monkeypatch.setattr(noises, "noise", None)
    for _ in range(2):
        np.testing.assert_array_equal(image(studio.engine.tick([row])[0]), expected)
