"""Which slot of device memory holds the latents of which job between two of its steps. Knows no device."""

from collections import OrderedDict


class SlotTable:
    """Job to slot. The device's work is in order, so a slot that is free here may be written by the next tick."""

    def __init__(self, capacity: int) -> None:
        self._slots: OrderedDict[int, int] = OrderedDict()
        self._free = list(range(capacity))[::-1]

    def find(self, job: int) -> int | None:
        """The job's slot, or None if its latents are not there (any more)."""
        return self._slots.get(job)

    def take(self, job: int) -> int:
        """A slot for a job: its own if it has one. If there is none free, the oldest job loses its own."""
        if job in self._slots:
            self._slots.move_to_end(job)
            return self._slots[job]
        if not self._free:
            self._free.append(self._slots.popitem(last=False)[1])
        self._slots[job] = self._free.pop()
        return self._slots[job]

    def oldest(self) -> int | None:
        """The job that would lose its slot to another; None while there are free ones."""
        return None if self._free else next(iter(self._slots))

    def forget(self, job: int) -> None:
        """Free the job's slot. Unknown jobs are ignored."""
        slot = self._slots.pop(job, None)
        if slot is not None:
            self._free.append(slot)

    def __len__(self) -> int:
        return len(self._slots)
