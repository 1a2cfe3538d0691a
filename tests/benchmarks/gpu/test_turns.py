"""The order of a run: who came before us first, and what one would miss most."""

from dataclasses import dataclass

import pytest

from benchmarks.gpu.turns import Turn, groups, plan


@dataclass(frozen=True)
class Whose:
    name: str
    families: tuple[str, ...] = ("sd15", "sdxl")


@dataclass(frozen=True)
class Of:
    name: str
    family: str


THEIRS, OURS = Whose("theirs", ("sd15",)), Whose("ours")
SHAPES = (Of("sd15-512", "sd15"), Of("sdxl-512", "sdxl"))


def test_the_order() -> None:
    """First the targets' batches of the first shape by everybody, with the scenes before ours; then the other shapes at
    those; then the other batches from the largest down."""
    assert list(plan((THEIRS, OURS), SHAPES, (1, 2, 4, 8, 16), "ours")) == [
        Turn("theirs", ("sd15-512",), (1, 8)),
        Turn("ours", ("sd15-512",), (1, 8), scenes=True),
        Turn("ours", ("sdxl-512",), (1, 8)),
        Turn("theirs", ("sd15-512",), (16, 4, 2)),
        Turn("ours", ("sd15-512", "sdxl-512"), (16, 4, 2)),
    ]


def test_no_scenes() -> None:
    """Nobody watches where nobody is asked to."""
    assert [turn.scenes for turn in plan((THEIRS, OURS), SHAPES[:1], (1,))] == [False, False]


@pytest.mark.parametrize(
    ("batches", "expected"),
    [((1, 2, 8), ((1, 8), (2,))), ((1, 8), ((1, 8),)), ((2, 4), ((2,), (4,))), ((16,), ((16,),))],
)
def test_groups(batches: tuple[int, ...], expected: tuple[tuple[int, ...], ...]) -> None:
    """The targets' batches are one group, or the smallest batch where there are none of them."""
    assert groups(batches) == expected


def test_a_turn_in_words() -> None:
    """Whose, of what, and whether the scenes are in it."""
    assert Turn("torch", ("a", "b"), (1, 8), True).what == "torch, a, b, batch 1, 8 and the scenes"
