"""Ticks as graphs: what is captured, when, and what is launched."""

import gc
import logging
from dataclasses import replace
from typing import Any

import pytest

from engines.gpu.capture import TickSizes
from tests.engines.gpu.studio import Studio, small, two_steps
from tests.engines.gpu.suite import image


def kinds(studio: Studio) -> dict[TickSizes, bool]:
    """TickSizess that have been seen, and whether they were captured."""
    return {kind: graph is not None for kind, graph in studio.engine._graphs._graphs.items()}


def test_one_graph_launch_for_a_tick() -> None:
    """A tick of a warm engine is one graph launch, and launches no kernel beside it."""
    studio = Studio()
    studio.engine.warm_up()
    studio.asked()
    studio.engine.tick([studio.repaint(), studio.still()[0], studio.repaint()])
    assert studio.asked("launch_graph", "launch", "capture") == ["launch_graph"]


def test_a_first_run_is_not_captured() -> None:
    """The first tick of a size runs call by call, the second is captured, and from then on there is its graph."""
    studio = Studio()
    wanted = [["launch", "launch"], ["capture", "launch", "launch", "launch_graph"], ["launch_graph"]]
    for calls in wanted:
        studio.asked()
        studio.engine.tick([studio.repaint()])
        assert studio.asked("launch_graph", "launch", "capture") == calls


def test_only_what_is_needed_runs() -> None:
    """A tick encodes as many rows as have pictures and decodes as many as are done, each at the size that holds them."""
    studio = Studio()
    for rows in ([studio.repaint()] * n for n in (1, 2, 4)):
        studio.engine.tick(rows)
    pictures, stills = [studio.repaint(seed) for seed in range(2)], [studio.still(seed, 2)[0] for seed in range(2)]
    studio.engine.tick([stills[0], *pictures])
    studio.engine.tick([stills[1]])
    studio.engine.tick([pictures[0], studio.still()[0]])
    assert {TickSizes(4, 2, 2), TickSizes(1, 0, 0), TickSizes(2, 1, 2)} <= kinds(studio).keys()
    assert all(kinds(studio).values())


def test_graphs_run_their_networks_in_order() -> None:
    """A tick's graph is encoder, opening, denoiser, closing, decoder, each at the size that it needs."""
    studio = Studio()
    studio.engine.warm_up()
    studio.engine.begin([studio.still(steps=2)[0], studio.repaint(), studio.still()[0]])
    studio.engine.begin([studio.still()[0]])
    graphs = [work for work in studio.double.pending() if work.startswith("graph")]
    assert graphs == [
        "graph of encode of 1, open_rows, denoise of 4, close_rows, decode of 2",
        "graph of open_rows, denoise of 1, close_rows, decode of 1",
    ]


@pytest.mark.parametrize(("steps", "count"), [(1, 2 + 3 + 4), (2, 4 + 9 + 16)])
def test_every_kind_is_captured_ahead(steps: int, count: int) -> None:
    """A warm engine captures nothing any more, whatever rows share a tick: all its student's kinds are there."""
    student = small()
    if steps == 2:
        student = replace(student, contract=two_steps(student))
    studio = Studio(student=student)
    studio.engine.warm_up()
    assert len(studio.engine._graphs) == count
    studio.asked()
    for stills in range(3):
        for pictures in range(3):
            rows = [*(studio.still(steps=steps)[0] for _ in range(stills)), *(studio.repaint() for _ in range(pictures))]
            studio.engine.tick(rows)
    assert set(studio.asked("capture", "launch", "launch_graph")) == {"launch_graph"}


def test_a_kind_is_captured_once() -> None:
    """As many graphs are captured as there are kinds of tick."""
    studio = Studio()
    for _ in range(3):
        for rows in ([studio.repaint()], [studio.still()[0]], [studio.repaint(), studio.repaint()]):
            studio.engine.tick(rows)
    assert studio.asked("capture") == ["capture"] * len(kinds(studio)) == ["capture"] * len(studio.engine._graphs)


def test_a_library_is_told_of_each_capture() -> None:
    """It is told before the capture begins and after it has ended (the toys look), for each kind once, and for no run."""
    studio = Studio()
    studio.engine.tick([studio.repaint()])
    assert studio.networks.entered == 0
    studio.engine.warm_up()
    assert studio.networks.entered == len(studio.engine._graphs) == 2 + 3 + 4
    studio.engine.tick([studio.repaint()])
    assert studio.networks.entered == 2 + 3 + 4


def test_another_way_where_the_first_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A kind that the library's first way does not capture is captured by its second, which is the first from then on."""
    able, studio = Studio(), Studio()
    studio.networks.failing = 1
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            expected, got = (image(one.engine.tick([one.repaint(3)])[0]) for one in (able, studio))
        assert (expected == got).all()
        studio.engine.warm_up()
    assert studio.engine.captured == (9, 9)
    assert (studio.networks.entered, able.networks.entered) == (1, 1)
    assert caplog.records == []


def test_every_way_that_failed_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Where none works each reason is said, and the engine says how many of its kinds are graphs."""
    studio = Studio(sizes=(1,))
    studio.networks.failing = 1
    studio.networks.loaded["denoise", 1].capturable = False
    with caplog.at_level(logging.WARNING):
        studio.engine.tick([studio.repaint()])
        studio.engine.tick([studio.repaint()])
    assert [record.message for record in caplog.records] == [
        "ticks of 1 rows run without a CUDA graph, and so more slowly: the library cannot do it this way; and then: denoise of "
        "1 cannot be captured"
    ]
    assert studio.engine.captured == (0, 1)


def test_a_library_is_asked_first(caplog: pytest.LogCaptureFixture) -> None:
    """What says that it cannot be captured is not tried, and is named."""
    studio = Studio(sizes=(1,))
    for graph in ("denoise", "decode"):
        studio.networks.loaded[graph, 1].says_so = False
    with caplog.at_level(logging.WARNING):
        pictures = [image(studio.engine.tick([studio.repaint(3)])[0]) for _ in range(2)]
    assert (pictures[0] == pictures[1]).all()
    assert studio.networks.entered == 0
    assert [record.message for record in caplog.records] == [
        "ticks of 1 rows run without a CUDA graph, and so more slowly: the library of decode of 1 and denoise of 1 says that "
        "it cannot be captured"
    ]


def test_no_garbage_is_collected_in_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another engine's kernels may be among it, and a module that is unloaded would end the capture."""
    studio, seen = Studio(), []
    double = studio.double
    capture = double.capture

    def watched(stream: Any, fill: Any) -> Any:
        seen.append(gc.isenabled())
        return capture(stream, fill)

    monkeypatch.setattr(double, "capture", watched)
    for _ in range(2):
        studio.engine.tick([studio.repaint()])
    assert seen == [False]
    assert gc.isenabled()


def test_what_cannot_be_captured_runs_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    """A network that cannot be captured runs call by call, to the same pixels, and that is said once."""
    able, unable = Studio(), Studio()
    unable.networks.loaded["denoise", 2].capturable = False
    with caplog.at_level(logging.WARNING):
        for studio in (able, unable, unable):
            pictures = [image(one) for _ in range(3) for one in studio.engine.tick([studio.repaint(3), studio.still(4)[0]])]
            if studio is able:
                expected = pictures
            assert all((a == b).all() for a, b in zip(pictures, expected, strict=True))
    assert [record.message for record in caplog.records] == [
        "ticks of 2 rows run without a CUDA graph, and so more slowly: denoise of 2 cannot be captured"
    ]
    unable.asked()
    unable.engine.tick([unable.repaint(3), unable.still(4)[0]])
    assert unable.asked("launch_graph", "launch", "capture") == ["launch", "launch"]
