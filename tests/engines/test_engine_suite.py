"""What every engine must hold, whatever computes: one suite for all."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from engines.engine import Engine, Painted, Pixels, Row
from engines.errors import EngineError
from engines.masks import Mask
from engines.noise import noise
from engines.slots import Latents
from engines.student import Student
from engines.student.contract import Step

LEVELS = {"fake": 0, "openvino": 1, "torch": 1}
"""How far a pixel may differ, of 255, with who shares its tick. Kernels of other batch sizes may sum in another order."""


@dataclass
class Easel:
    """An engine, and short ways to say what it should paint."""

    kind: str
    engine: Engine
    jobs: int = 0

    def rows(self, steps: tuple[Step, ...], prompt: str, seed: int, image: Pixels | None) -> list[Row]:
        """All rows of one job, first to last."""
        self.jobs += 1
        conditioning = self.engine.condition(prompt)
        last = len(steps) - 1
        return [
            Row(self.jobs, i, step, i == last, conditioning, seed, image if i == 0 else None) for i, step in enumerate(steps)
        ]

    def still(self, prompt: str = "a red heart", seed: int = 0, of: Student | None = None) -> list[Row]:
        return self.rows((of or self.engine.student).contract.still(), prompt, seed, None)

    def repaint(
        self, image: Pixels, strength: float = 0.5, prompt: str = "ink", seed: int = 0, of: Student | None = None
    ) -> list[Row]:
        return self.rows((of or self.engine.student).contract.repaint(strength), prompt, seed, image)

    @property
    def left(self) -> Mask:
        """A mask that has the left half painted."""
        student = self.engine.student
        mask = np.zeros((student.height, student.width), np.uint8)
        mask[:, : student.width // 2] = 255
        return mask

    def masked(self, image: Pixels, mask: Mask, seed: int = 0, of: Student | None = None) -> list[Row]:
        first, *others = self.repaint(image, 1.0, seed=seed, of=of)
        return [replace(first, mask=mask), *others]

    def alone(self, rows: list[Row]) -> Pixels:
        """A job painted with nobody beside it."""
        for row in rows[:-1]:
            assert _nothing_yet(self.engine.tick([row])[0])
        return _image(self.engine.tick([rows[-1]])[0])

    def same(self, a: Pixels, b: Pixels) -> None:
        assert int(np.abs(a.astype(int) - b.astype(int)).max()) <= LEVELS[self.kind]


def _image(painted: Painted) -> Pixels:
    assert painted.error is None
    assert painted.image is not None
    return painted.image


def _nothing_yet(painted: Painted) -> bool:
    return painted.image is None and painted.error is None


def _unlike(a: Pixels, b: Pixels) -> bool:
    return float(np.abs(a.astype(int) - b.astype(int)).mean()) > 1


@pytest.fixture(params=LEVELS)
def easel(request: pytest.FixtureRequest, get_engine: Callable[[str], Engine]) -> Easel:
    return Easel(request.param, get_engine(request.param))


def test_what_it_is(easel: Easel, student: Student) -> None:
    """An engine says what it runs, where and how."""
    engine = easel.engine
    assert engine.student == student
    assert engine.backend == easel.kind
    assert engine.device
    assert engine.precision
    assert engine.batch_sizes == (1, 2, 4)


def test_an_image(easel: Easel, student: Student) -> None:
    """A still is uint8 pixels of the student's size, and not flat."""
    image = easel.alone(easel.still())
    assert image.shape == (student.height, student.width, 3)
    assert image.dtype == np.uint8
    assert image.std() > 5


def test_deterministic(easel: Easel, picture: Any) -> None:
    """The same prompt, seed and picture give the same bytes."""
    np.testing.assert_array_equal(easel.alone(easel.still(seed=3)), easel.alone(easel.still(seed=3)))
    np.testing.assert_array_equal(easel.alone(easel.repaint(picture(1))), easel.alone(easel.repaint(picture(1))))


def test_the_seed_counts(easel: Easel) -> None:
    """Another seed is another image."""
    assert _unlike(easel.alone(easel.still(seed=1)), easel.alone(easel.still(seed=2)))


def test_the_prompt_counts(easel: Easel) -> None:
    """Another prompt is another image."""
    one, other = "a red heart on a cyan background, neon", "a white house on a green background, watercolor"
    assert _unlike(easel.alone(easel.still(one)), easel.alone(easel.still(other)))


def test_the_picture_counts(easel: Easel, picture: Any) -> None:
    """Another picture is another image."""
    assert _unlike(easel.alone(easel.repaint(picture(1))), easel.alone(easel.repaint(picture(2))))


def test_strength_0_is_the_picture(easel: Easel, picture: Any) -> None:
    """At strength 0 the picture comes back, as well as the codec can say it."""
    image = easel.alone(easel.repaint(picture(3), 0.0))
    assert float(np.abs(image.astype(int) - picture(3)).mean()) < 12


def test_strength_grows(easel: Easel, picture: Any) -> None:
    """The stronger, the further from the picture."""
    distances = [
        float(np.abs(easel.alone(easel.repaint(picture(3), s, "neon")).astype(int) - picture(3)).mean())
        for s in (0.0, 0.5, 1.0)
    ]
    assert distances == sorted(distances)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_company_does_not_count(easel: Easel, picture: Any, count: int) -> None:
    """Stills and repaintings of several users, in one tick with padding or without, are those each would get alone."""
    alone = [
        easel.still("a red heart", 5),
        easel.repaint(picture(1), 0.5, "neon", 6),
        easel.repaint(picture(2), 1.0, "ink", 7),
        easel.still("a blue boat", 8),
    ]
    expected = [easel.alone(rows) for rows in alone]
    for order in (range(count), reversed(range(4 - count, 4))):
        chosen = list(order)
        painted = easel.engine.tick([alone[i][0] for i in chosen])
        for i, result in zip(chosen, painted, strict=True):
            easel.same(_image(result), expected[i])


def test_images_are_the_callers(easel: Easel) -> None:
    """An image that was given is not painted over by the next tick."""
    first = _image(easel.engine.tick(easel.still(seed=1))[0])
    copy = first.copy()
    easel.engine.tick(easel.still("a blue boat", seed=2))
    np.testing.assert_array_equal(first, copy)


def test_conditioning_is_the_callers(easel: Easel) -> None:
    """A prompt's conditioning stays what it was when another is asked for."""
    one = easel.engine.condition("a red heart")
    copy = one.copy()
    other = easel.engine.condition("a blue boat")
    np.testing.assert_array_equal(one, copy)
    assert one.shape == easel.engine.student.text_shape
    assert not np.array_equal(one, other)


def test_tokens(easel: Easel) -> None:
    """Counted are those of a prompt's text, and of a long one no more than are read."""
    count = easel.engine.count_tokens
    assert [count(text) for text in ("", "a", "a red heart")] == [0, 1, 3]
    assert 3 < count("a red heart " * 99) <= easel.engine.student.text_shape[0]


@pytest.mark.parametrize("prompt", ["", "🐱🌊", "word " * 5000, "\x00", "море", "a" * 10_000])
def test_any_prompt(easel: Easel, prompt: str) -> None:
    """Prompts of no words, of emoji, of too many words are painted."""
    conditioning = easel.engine.condition(prompt)
    assert conditioning.shape == easel.engine.student.text_shape
    assert np.isfinite(conditioning).all()
    easel.alone(easel.still(prompt))


def test_too_many_rows(easel: Easel) -> None:
    """More rows than the largest tick are refused, and the engine goes on."""
    rows = [easel.still(seed=i)[0] for i in range(5)]
    with pytest.raises(EngineError, match="5 rows"):
        easel.engine.tick(rows)
    easel.alone(easel.still())


def test_warm_up(easel: Easel) -> None:
    """Warming up gives the seconds of every size, and leaves nothing behind."""
    before = easel.alone(easel.still(seed=9))
    costs = easel.engine.warm_up()
    assert sorted(costs) == [1, 2, 4]
    assert all(0 < seconds < 60 for seconds in costs.values())
    np.testing.assert_array_equal(easel.alone(easel.still(seed=9)), before)


def test_nan_is_its_own(easel: Easel) -> None:
    """A row that comes to nothing is that row's error; the others are painted as if it were not there."""
    good, bad = easel.still(seed=1), easel.still(seed=2)
    expected = easel.alone(easel.still(seed=1))
    if easel.kind == "fake":
        bad = easel.still("fake:nan", seed=2)
    else:
        bad[0].conditioning[:] = np.nan
    painted = easel.engine.tick([bad[0], good[0]])
    assert painted[0].image is None
    assert "not a number" in (painted[0].error or "")
    easel.same(_image(painted[1]), expected)
    easel.same(_image(easel.engine.tick(easel.still(seed=1))[0]), expected)


def test_two_steps(easel: Easel, two_steps: Student, picture: Any) -> None:
    """A job of two steps gives nothing after the first and an image after the second, the same each time."""
    for make in (lambda: easel.still(seed=4, of=two_steps), lambda: easel.repaint(picture(1), 0.9, of=two_steps)):
        rows = make()
        assert [row.last for row in rows] == [False, True]
        np.testing.assert_array_equal(easel.alone(rows), easel.alone(make()))


def test_two_steps_are_two_times_one(easel: Easel, two_steps: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of two steps is the first step's picture, re-noised by the contract's numbers, painted by the second step."""
    slots = easel.engine._slots  # type: ignore[attr-defined]
    seen: list[Latents] = []
    keep = slots.keep

    def watching(row: Row, x0: Latents) -> None:
        seen.append(x0.copy())
        keep(row, x0)

    monkeypatch.setattr(slots, "keep", watching)
    image = easel.alone(easel.still("ink", seed=4, of=two_steps))
    (x0,) = seen
    first, second = easel.still("ink", seed=4, of=two_steps)
    slots._latents[second.job] = first.step.alpha_next * x0 + first.step.sigma_next * noise(4, 1, x0.shape)
    easel.same(_image(easel.engine.tick([second])[0]), image)


def test_steps_mixed_in_ticks(easel: Easel, two_steps: Student, picture: Any) -> None:
    """Jobs at other steps share ticks, and each gets the image it would get alone."""
    make = [
        lambda: easel.still("a red heart", 1, of=two_steps),
        lambda: easel.repaint(picture(2), 0.9, "neon", 2, of=two_steps),
        lambda: easel.still("a blue boat", 3, of=two_steps),
    ]
    expected = [easel.alone(job()) for job in make]
    a, b, c = (job() for job in make)
    tick = easel.engine.tick
    assert _nothing_yet(tick([a[0]])[0])
    first, second = tick([b[0], a[1]])
    assert _nothing_yet(first)
    easel.same(_image(second), expected[0])
    third, fourth = tick([c[0], b[1]])
    assert _nothing_yet(third)
    easel.same(_image(fourth), expected[1])
    easel.same(_image(tick([c[1]])[0]), expected[2])


def test_forget(easel: Easel, two_steps: Student) -> None:
    """A job that was forgotten cannot go on, which is its own error and nobody else's."""
    gone, stays = easel.still(of=two_steps), easel.still(seed=1, of=two_steps)
    easel.engine.tick([gone[0], stays[0]])
    easel.engine.forget(gone[0].job)
    easel.engine.forget(999_999)
    refused, painted = easel.engine.tick([gone[1], stays[1]])
    assert refused.error is not None
    assert "gone" in refused.error
    _image(painted)


def test_a_slot_is_used_once(easel: Easel, two_steps: Student) -> None:
    """A finished job leaves nothing behind."""
    rows = easel.still(of=two_steps)
    easel.alone(rows)
    assert easel.engine.tick([rows[1]])[0].error is not None


def test_a_mask_keeps_the_picture(easel: Easel, two_steps: Student, picture: Any) -> None:
    """Outside the mask is the picture, as the codec says it, and inside what is painted; in one step and in two."""
    far = easel.engine.student.width * 3 // 4  # from the edge, which the decoder sees over
    kept, painted = easel.alone(easel.repaint(picture(1), 0.0)), easel.alone(easel.repaint(picture(1), 1.0))
    for of in (easel.engine.student, two_steps):
        masked = easel.alone(easel.masked(picture(1), easel.left, of=of))
        easel.same(masked[:, far:], kept[:, far:])
        assert _unlike(masked[:, : far // 3], kept[:, : far // 3])
    easel.same(easel.alone(easel.masked(picture(1), easel.left))[:, : far // 3], painted[:, : far // 3])


def test_masks_of_nothing_and_all(easel: Easel, picture: Any) -> None:
    """A mask that paints all changes no bit, and one that paints nothing leaves the picture."""
    whole = easel.alone(easel.repaint(picture(1), 1.0))
    np.testing.assert_array_equal(easel.alone(easel.masked(picture(1), np.full_like(easel.left, 255))), whole)
    easel.same(easel.alone(easel.masked(picture(1), easel.left * 0)), easel.alone(easel.repaint(picture(1), 0.0)))


def test_masks_in_company(easel: Easel, two_steps: Student, picture: Any) -> None:
    """Jobs with masks and without share ticks, and each gets the image it would get alone."""
    make: list[Callable[[], list[Row]]] = [
        lambda: easel.masked(picture(1), easel.left, 1, two_steps),
        lambda: easel.repaint(picture(2), 0.9, "neon", 2, of=two_steps),
        lambda: easel.masked(picture(3), 255 - easel.left, 3, two_steps),
    ]
    expected = [easel.alone(job()) for job in make]
    jobs = [job() for job in make]
    assert all(map(_nothing_yet, easel.engine.tick([job[0] for job in jobs])))
    for got, image in zip(easel.engine.tick([job[1] for job in jobs]), expected, strict=True):
        easel.same(_image(got), image)


def test_a_mask_that_does_not_fit(easel: Easel, picture: Any) -> None:
    """A mask of another shape, or of no picture, is its row's own error, and says why."""
    (wrong,), (of_nothing,) = easel.masked(picture(1), easel.left[1:]), easel.still()
    (good,) = easel.still(seed=1)
    painted = easel.engine.tick([wrong, replace(of_nothing, mask=easel.left), good])
    assert "the mask has shape" in (painted[0].error or "")
    assert "the mask is of no image" in (painted[1].error or "")
    _image(painted[2])
