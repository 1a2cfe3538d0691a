"""Rows to numbers: what a tick is told, written to a lane. Decides which slot, which noise and which place is whose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..engine import Row
from ..masks import Mask, Weights
from ..rows import LATENTS_GONE, wrong_with
from .buffers import Lane
from .capture import TickSizes
from .cuda import bytes_of
from .layout import PLACES, Layout
from .noises import NoiseTable
from .slots import SlotTable


@dataclass(slots=True, eq=False)
class Staged:
    """A tick as it is written to its lane. `images` has, for each row, its place among the images, or its error.

    `opened` are jobs that have a slot from this tick on, `closed` those that need theirs no more. `noises` are the places
    of those that it brings, and `masks` those of its masks.
    """

    sizes: TickSizes = field(default_factory=lambda: TickSizes(0, 0, 0))
    images: list[int | str | None] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    pictures: int = 0
    decoded: int = 0
    noises: list[int] = field(default_factory=list)
    masks: list[int] = field(default_factory=list)
    launched: bool = False
    done: bool = False


class Staging:
    """Writes ticks. The sizes are those that were compiled, ascending; `weigh` brings a mask to latents."""

    def __init__(self, layout: Layout, sizes: tuple[int, ...], weigh: Callable[[Mask], Weights]) -> None:
        self._layout, self._sizes, self._ports = layout, sizes, tuple(layout.told)
        self._weigh = weigh
        self.slots, self.masks = SlotTable(layout.slots), SlotTable(layout.masked)
        self.noises = NoiseTable(layout.noises, layout.latents)

    def stage(self, rows: Sequence[Row], lane: Lane, staged: Staged) -> None:
        """Write a tick of at most the largest size to a lane that is not under way, and what it comes to, to `staged`."""
        for name in PLACES:
            lane.numbers.views[name][:] = -1  # a row of nothing has numbers of an earlier one, which do nothing
        for at, row in enumerate(rows):
            wrong = self._wrong(row)
            staged.images.append(wrong if wrong else self._write(at, row, lane, staged))
        self._write_noises(lane, staged)
        staged.sizes = TickSizes(*map(self.size_for, (len(rows), staged.pictures, staged.decoded)))

    def size_for(self, rows: int) -> int:
        """The smallest compiled size that holds so many rows; 0 for none."""
        return next(size for size in (0, *self._sizes) if size >= rows)

    def _wrong(self, row: Row) -> str | None:
        """What makes this row impossible, if anything does."""
        if why := wrong_with(row, self._layout.ports):
            return why
        if row.index > 0 and self.slots.find(row.job) is None:
            return LATENTS_GONE
        return None

    def forget(self, job: int) -> None:
        """Free what a job has on the device. Unknown jobs are ignored."""
        self.slots.forget(job)
        self.masks.forget(job)

    def _write(self, at: int, row: Row, lane: Lane, staged: Staged) -> int | None:
        """One row's numbers; its place among the images, if it will have one."""
        numbers, step = lane.numbers.views, row.step
        for name in self._ports:
            value = row.told(name)
            numbers[name][at] = 0 if value is None else value
        if row.index > 0:
            numbers["opened"][at] = self.slots.find(row.job)
        else:
            numbers["a_z"][at] = step.a_z
            numbers["noise"][at] = self.noises.place(row.seed, 0) if step.a_z else self.noises.none()
            if row.image is not None:
                numbers["a_img"][at] = step.a_img
                numbers["encoded"][at] = staged.pictures
                lane.pictures.views["pixels"][staged.pictures] = row.image
                staged.pictures += 1
            self.masks.forget(row.job)
            if row.mask is not None:
                self._write_mask(row.job, row.mask, lane, staged)
        if (place := self.masks.find(row.job)) is not None:
            numbers["masked"][at] = place
            numbers["keep_img"][at], numbers["keep_z"][at] = step.keep_img, step.keep_z
            if step.keep_z:
                numbers["keep_noise"][at] = self.noises.place(row.seed, 0)
        if row.last:
            staged.closed.append(row.job)
            numbers["decoded"][at] = staged.decoded
            staged.decoded += 1
            return staged.decoded - 1
        if row.index == 0:
            staged.opened.append(row.job)
        numbers["alpha_next"][at], numbers["sigma_next"][at] = step.alpha_next, step.sigma_next
        numbers["kept"][at] = self.slots.take(row.job)
        fresh = self.noises.place(row.seed, row.index + 1) if step.sigma_next else self.noises.none()
        numbers["noise_next"][at] = fresh
        return None

    def _write_mask(self, job: int, mask: Mask, lane: Lane, staged: Staged) -> None:
        if (oldest := self.masks.oldest()) is not None:
            self.forget(oldest)  # without its mask its latents are of no use
        lane.weights.views["weights"][len(staged.masks)] = self._weigh(mask)
        staged.masks.append(self.masks.take(job))

    def _write_noises(self, lane: Lane, staged: Staged) -> None:
        size = self._layout.latent_bytes
        for at, (place, noise) in enumerate(self.noises.missing()):
            lane.noises[at * size : (at + 1) * size] = bytes_of(noise)
            staged.noises.append(place)
