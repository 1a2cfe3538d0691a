"""The verdicts follow the figures."""

from typing import Any

import pytest

from benchmarks.gpu.targets import judge


def row(engine: str, batch: int, rate: float, share: float | None = None, under_way: int = 1) -> dict[str, Any]:
    said = {"kind": "row", "family": "sd15", "engine": engine, "batch": batch, "images_per_s": rate, "share": share}
    return {**said, "under_way": under_way}


def scene(cameras: int, filtered: bool, watts: float | None, name: str = "still") -> dict[str, Any]:
    return {"kind": "scene", "scene": name, "cameras": cameras, "filtered": filtered, "watts": watts}


MACHINE = {"kind": "machine", "tiny": False}


def test_all_met() -> None:
    """The best of ours counts, and each target names its figures."""
    records = [
        MACHINE, row("streamdiffusion", 1, 50.0), row("torch", 1, 140.0), row("tensorrt", 1, 160.0, under_way=2),
        row("torch", 8, 300.0, 0.40), row("torch", 16, 340.0, 0.46), row("diffusers", 16, 900.0, 0.99),
        scene(8, False, 500.0), scene(8, True, 200.0), scene(8, True, 1.0, "moving"),
    ]  # fmt: skip
    verdicts = judge(records)
    assert [verdict.met for verdict in verdicts] == [True, True, True]
    assert [str(verdict) for verdict in verdicts] == [
        "one stream at least 3 times StreamDiffusion: met (torch with 1 under way 2.80 times, tensorrt with 2 under way "
        "3.20 times 50.0 images/s)",
        "at least 45% of the roofline at batch 8 or more: met (torch at 16: 46.0%)",
        "a still scene, 2.4 times fewer joules with the filter, 8 cameras: met (2.50 times: 500 W without, 200 W with)",
    ]


def test_none_met() -> None:
    """What misses a target by little misses it."""
    records = [
        MACHINE, row("streamdiffusion", 1, 50.0), row("torch", 1, 149.0, 0.9), row("torch", 8, 300.0, 0.449),
        scene(1, False, 239.0), scene(1, True, 100.0), scene(8, False, 300.0), scene(8, True, 300.0),
    ]  # fmt: skip
    assert [verdict.met for verdict in judge(records)] == [False, False, False, False]


@pytest.mark.parametrize(
    "records",
    [
        [MACHINE],
        [MACHINE, row("torch", 1, 100.0), row("torch", 8, 100.0), scene(1, False, None), scene(1, True, None)],
        [MACHINE, row("streamdiffusion", 1, 100.0), row("fake", 8, 1.0, 1.0), scene(1, False, 100.0)],
    ],
)
def test_not_measured(records: list[dict[str, Any]]) -> None:
    """What was not measured is neither met nor missed."""
    assert [verdict.met for verdict in judge(records)] == [None, None, None]


def test_small_networks_decide_nothing() -> None:
    """Figures of small networks are told, and judged by nobody."""
    records = [{**MACHINE, "tiny": True}, row("streamdiffusion", 1, 1.0), row("torch", 1, 100.0), row("torch", 8, 1.0, 0.9)]
    verdicts = judge(records)
    assert [verdict.met for verdict in verdicts] == [None, None, None]
    assert "small networks" in str(verdicts[0])


def test_variants_are_ours() -> None:
    """What is faster by an option is ours as well."""
    records = [MACHINE, row("streamdiffusion", 1, 50.0), row("torch", 1, 140.0), row("torch-fp8", 1, 151.0)]
    assert judge(records)[0].met
    assert "torch-fp8 with 1 under way 3.02 times" in judge(records)[0].figures


def test_other_networks_do_not_count() -> None:
    """The targets are about SD 1.5's shapes."""
    records = [MACHINE, {**row("torch", 8, 1.0, 0.9), "family": "sdxl"}]
    assert judge(records)[1].met is None
