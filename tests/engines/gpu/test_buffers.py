"""The way of a tick through memory: where networks are bound, what crosses, and that neighbours do not meet."""

import numpy as np
import pytest

from engines.engine import Painted, Row
from engines.gpu.buffers import Buffers
from engines.gpu.cuda import Event, Stream
from engines.gpu.engine import Ticket
from engines.gpu.layout import Layout
from tests.engines.gpu.double import CudaDouble, Wrong
from tests.engines.gpu.studio import Studio, small
from tests.engines.gpu.suite import image


def overlapped(studio: Studio, ticks: list[list[Row]]) -> list[list[Painted]]:
    """All ticks, each begun before the one before it is finished."""
    tickets: list[Ticket] = []
    painted: list[list[Painted]] = []
    for rows in ticks:
        tickets.append(studio.engine.begin(rows))
        if len(tickets) == 2:
            painted.append(studio.engine.finish(tickets.pop(0)))
    painted += [studio.engine.finish(ticket) for ticket in tickets]
    studio.double.drain()
    return painted


def work(studio: Studio, count: int = 8) -> list[list[Row]]:
    """Ticks of every size, of pictures and stills, each row with a seed of its own."""

    def row(tick: int, at: int) -> Row:
        return studio.repaint(seed=10 * tick + at, picture=tick + at) if (tick + at) % 3 else studio.still(seed=at)[0]

    return [[row(tick, at) for at in range(1 + tick % 4)] for tick in range(count)]


def test_the_same_memory_for_every_size() -> None:
    """Networks of all sizes are bound to the same addresses, and share one scratch."""
    studio = Studio()
    for graph in ("encode", "denoise", "decode"):
        bound = [studio.networks.loaded[graph, size] for size in (1, 2, 4)]
        assert bound[0].at == bound[1].at == bound[2].at
        assert len({network.scratch_at for network in bound}) == 1
    assert studio.networks.loaded["text", 1].scratch_at != studio.networks.loaded["denoise", 1].scratch_at


def test_nothing_is_allocated_in_a_tick() -> None:
    """Ticks of a warm engine allocate nothing and make no stream or event."""
    studio = Studio()
    studio.engine.warm_up()
    studio.asked()
    for rows in work(studio):
        studio.engine.tick(rows)
    assert studio.asked("allocate", "pinned", "stream", "event", "compile") == []


def test_only_what_is_there_crosses() -> None:
    """A tick sends its rows' prompts and pictures and takes its images away, not those of the largest size."""
    studio = Studio()
    sent: list[int] = []
    copy_in, copy_out = studio.double.copy_in, studio.double.copy_out
    studio.double.copy_in = lambda to, source, stream: (sent.append(source.nbytes), copy_in(to, source, stream))[1]  # type: ignore[method-assign]
    studio.double.copy_out = lambda to, source, stream: (sent.append(to.nbytes), copy_out(to, source, stream))[1]  # type: ignore[method-assign]
    studio.engine.tick([studio.repaint(seed=1), studio.still(seed=1)[0], studio.still(seed=1)[0]])
    pixels, prompt, latents, numbers = (
        64 * 64 * 3,
        4 * 24 * 16,
        4 * 4 * 8 * 8,
        17 * 256,
    )  # of a student that is told no guidance
    assert sent == [latents, numbers + 3 * prompt, pixels, 256 + 3 * pixels]
    sent.clear()
    studio.engine.tick([studio.still(seed=1)[0]])
    assert sent == [numbers + prompt, 256 + pixels]


def test_neighbouring_ticks_do_not_meet() -> None:
    """Ticks that overlap paint what they would paint one after another, and nothing races."""
    one_by_one, together = Studio(), Studio()
    expected = [one_by_one.engine.tick(rows) for rows in work(one_by_one)]
    got = overlapped(together, work(together))
    for a, b in zip(expected, got, strict=True):
        for one, other in zip(a, b, strict=True):
            np.testing.assert_array_equal(image(one), image(other))


def test_copies_lie_beside_the_graph() -> None:
    """The next tick's copies in and the last one's copy out are on other streams than the graph."""
    studio = Studio()
    streams: dict[str, set[int]] = {}
    submit = studio.double.submit

    def watching(name: str, stream: Stream, do: object) -> None:
        streams.setdefault(name.split()[0], set()).add(stream)
        submit(name, stream, do)  # type: ignore[arg-type]

    studio.double.submit = watching  # type: ignore[method-assign]
    studio.engine.warm_up()
    streams.clear()
    studio.engine.tick([studio.repaint()])
    assert [len(streams[name]) for name in ("graph", "copy_in", "copy_out")] == [1, 1, 1]
    assert len(streams["graph"] | streams["copy_in"] | streams["copy_out"]) == 3
    assert streams["copy_within"] == streams["graph"]


class Careless(CudaDouble):
    """Forgets the waits of one place of every tick: the first, of the compute stream, or the second, of the outward."""

    def __init__(self, place: int) -> None:
        super().__init__()
        self._place, self._waits = place, 0

    def wait(self, stream: Stream, event: Event) -> None:
        self._waits += 1
        if self._waits % 2 != self._place:
            super().wait(stream, event)


@pytest.mark.parametrize("place", [0, 1])
def test_every_wait_is_needed(place: int) -> None:
    """Without either of a tick's two waits the streams race."""
    studio = Studio(Careless(place))
    with pytest.raises(Wrong, match=r"race|pinned memory"):
        overlapped(studio, work(studio))


def test_both_lanes_are_needed() -> None:
    """With one lane for all ticks the next one's numbers would be written over this one's."""
    studio = Studio()
    studio.engine._free = [studio.engine._buffers.lanes[0]] * 2
    with pytest.raises(Wrong, match="pinned memory was written to"):
        overlapped(studio, work(studio))


def test_a_row_of_nothing_is_zeros() -> None:
    """The rows that only fill up a tick are zeros to the denoiser, whatever was there before."""
    studio = Studio()
    studio.engine.tick([studio.repaint(seed=row) for row in range(4)])
    studio.engine.tick([studio.repaint(seed=row) for row in range(3)])
    x = studio.double.look(studio.engine._buffers.at["x"], (4, 4, 8, 8))
    assert x[:3].all()
    assert not x[3].any()


def test_re_noising_is_not_done_twice() -> None:
    """The network's own re-noising is given zeros: the tick does it, where the noise is."""
    buffers = Buffers(double := CudaDouble(), Layout.of(small(), 2))
    idle = {buffers.addresses()["denoise"][name] for name in ("alpha_next", "sigma_next", "noise_next")}
    assert len(idle) == 1
    assert not double.look(idle.pop(), (2, 4, 8, 8)).any()
