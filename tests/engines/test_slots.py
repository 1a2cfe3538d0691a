"""Slots: the affine map around a network, and the latents of jobs between two steps."""

from dataclasses import replace

import numpy as np
import pytest

import engines.slots as slots_module
from engines.engine import Row
from engines.noise import noise
from engines.slots import Slots
from engines.student.contract import Step

SHAPE = (4, 3, 3)
STEP = Step(t=0.5, a_img=0.75, a_z=0.25, A=1.0, B=1.0, alpha_next=0.9, sigma_next=0.1)
NOTHING = np.zeros((1, 1), np.float32)


def _row(job: int = 1, index: int = 0, seed: int = 7) -> Row:
    return Row(job, index, STEP, False, NOTHING, seed)


def test_open_a_still() -> None:
    """A still starts from the noise of its seed, scaled."""
    np.testing.assert_array_equal(Slots(SHAPE).open(_row(), None), np.float32(0.25) * noise(7, 0, SHAPE))


def test_open_a_picture() -> None:
    """A repainting starts from picture and noise in the step's shares."""
    picture = np.ones(SHAPE, np.float32)
    opened = Slots(SHAPE).open(_row(), picture)
    np.testing.assert_allclose(opened, 0.75 * picture + 0.25 * noise(7, 0, SHAPE), rtol=1e-6)


def test_no_noise_is_drawn_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step without noise draws none, and still opens arrays of its own."""
    monkeypatch.setattr(slots_module, "noise", None)
    slots, picture = Slots(SHAPE), np.ones(SHAPE, np.float32)
    row = Row(1, 0, replace(STEP, a_img=1.0, a_z=0.0, sigma_next=0.0), False, NOTHING, 7)
    np.testing.assert_array_equal(slots.open(row, picture), picture)
    slots.open(row, picture)[:] = 99
    slots.keep(row, picture)
    np.testing.assert_array_equal(slots.open(_row(index=1), None), np.float32(0.9) * picture)


def test_noise_is_made_once_for_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream keeps its seed, so from its second frame on its noise is there, for each of its steps."""
    made: list[tuple[int, int]] = []

    def noting(seed: int, index: int, shape: tuple[int, ...]) -> slots_module.Latents:
        made.append((seed, index))
        return noise(seed, index, shape)

    monkeypatch.setattr(slots_module, "noise", noting)
    slots = Slots(SHAPE)
    for _ in range(3):
        slots.open(_row(), None)
        slots.keep(_row(), np.ones(SHAPE, np.float32))
    assert made == [(7, 0), (7, 1)]


def test_opening_changes_nothing() -> None:
    """The noise that is kept for a seed is the same the second time, and the picture is left alone."""
    slots, picture = Slots(SHAPE), np.ones(SHAPE, np.float32)
    first = slots.open(_row(), picture).copy()
    slots.open(_row(), picture)[:] = 99
    np.testing.assert_array_equal(slots.open(_row(), picture), first)
    assert (picture == 1).all()


def test_keep_and_open() -> None:
    """What is kept is re-noised with the next step's own noise, and opened once."""
    slots, x0 = Slots(SHAPE), np.full(SHAPE, 2.0, np.float32)
    slots.keep(_row(index=0), x0)
    opened = slots.open(_row(index=1), None)
    np.testing.assert_allclose(opened, 0.9 * x0 + 0.1 * noise(7, 1, SHAPE), rtol=1e-6)
    assert len(slots) == 0
    with pytest.raises(KeyError):
        slots.open(_row(index=1), None)


def test_jobs_do_not_mix() -> None:
    """Each job finds its own latents."""
    slots = Slots(SHAPE)
    for job in range(5):
        slots.keep(_row(job), np.full(SHAPE, job, np.float32))
    for job in reversed(range(5)):
        expected = np.float32(0.9) * np.full(SHAPE, job, np.float32) + np.float32(0.1) * noise(7, 1, SHAPE)
        np.testing.assert_allclose(slots.open(_row(job, 1), None), expected, rtol=1e-6)


def test_forget() -> None:
    """A forgotten job is gone, and forgetting one that is not there is nothing."""
    slots = Slots(SHAPE)
    slots.keep(_row(), np.zeros(SHAPE, np.float32))
    slots.forget(1)
    slots.forget(1)
    assert len(slots) == 0


def test_capacity() -> None:
    """Too many jobs push out the oldest."""
    slots = Slots(SHAPE, capacity=3)
    for job in range(5):
        slots.keep(_row(job), np.zeros(SHAPE, np.float32))
    assert len(slots) == 3
    with pytest.raises(KeyError):
        slots.open(_row(1, 1), None)
    slots.open(_row(4, 1), None)


MASK = np.zeros((SHAPE[1] * 8, SHAPE[2] * 8), np.uint8)
MASK[:, :8] = 255
PAINTED = np.broadcast_to(MASK[::8, ::8] > 0, SHAPE)
"""Latents that the mask has painted anew."""


def _masked(slots: Slots, picture: slots_module.Latents, job: int = 1) -> None:
    slots.open(replace(_row(job), image=np.zeros(1, np.uint8), mask=MASK), picture)


def test_settled_at_the_end() -> None:
    """What a mask keeps ends as the picture, to the bit; and the job leaves nothing behind."""
    slots, picture = Slots(SHAPE), noise(1, 0, SHAPE)
    _masked(slots, picture)
    x0 = noise(2, 0, SHAPE)
    slots.settle(replace(_row(), last=True), x0)
    np.testing.assert_array_equal(x0[~PAINTED], picture[~PAINTED])
    np.testing.assert_array_equal(x0[PAINTED], noise(2, 0, SHAPE)[PAINTED])
    slots.settle(replace(_row(), last=True), again := noise(3, 0, SHAPE))
    np.testing.assert_array_equal(again, noise(3, 0, SHAPE))


def test_settled_on_the_way() -> None:
    """Between steps it is at the level where the step lands, with the noise that the job began with."""
    slots, picture = Slots(SHAPE), noise(1, 0, SHAPE)
    _masked(slots, picture)
    row = replace(_row(), step=replace(STEP, keep_img=0.8, keep_z=0.6))
    slots.settle(row, x0 := noise(2, 0, SHAPE))
    expected = np.float32(0.8) * picture + np.float32(0.6) * noise(7, 0, SHAPE)
    np.testing.assert_array_equal(x0[~PAINTED], expected[~PAINTED])


@pytest.mark.parametrize("how", ["forgotten", "begun anew"])
def test_a_mask_goes_with_its_job(how: str) -> None:
    """A job that is forgotten, or begun anew without a mask, keeps nothing of a picture."""
    slots = Slots(SHAPE)
    _masked(slots, noise(1, 0, SHAPE))
    if how == "forgotten":
        slots.forget(1)
    else:
        slots.open(_row(), noise(1, 0, SHAPE))
    slots.settle(replace(_row(), last=True), x0 := noise(2, 0, SHAPE))
    np.testing.assert_array_equal(x0, noise(2, 0, SHAPE))


def test_masks_make_room() -> None:
    """A job that is pushed out loses its mask with its latents, so that there are never more masks than jobs."""
    slots = Slots(SHAPE, capacity=2)
    for job in range(5):
        _masked(slots, noise(job, 0, SHAPE), job)
        slots.keep(_row(job), noise(job, 1, SHAPE))
    assert len(slots._masked) == len(slots) == 2
