import numpy as np

from engines.gpu.noises import NoiseTable
from engines.noise import noise

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
