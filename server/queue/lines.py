"""Who is next: every owner has a line, and the lines take turns. A user with many jobs waiting delays no one else."""

from collections import OrderedDict

from ..types import Job


class Lines:
    """Jobs that wait. Not for several threads at once: a queue has its lock."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[int, Job]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, job: Job) -> None:
        """To the end of its owner's line; a new owner's line comes after the others."""
        if (line := self._lines.get(job.owner)) is None:
            line = self._lines[job.owner] = OrderedDict()
        line[job.id] = job
        self._size += 1

    def put_back(self, job: Job) -> None:
        """To the head of its owner's line; if that is empty, the turn is its owner's."""
        if (line := self._lines.get(job.owner)) is None:
            line = self._lines[job.owner] = OrderedDict()
            self._lines.move_to_end(job.owner, last=False)
        line[job.id] = job
        line.move_to_end(job.id, last=False)
        self._size += 1

    def remove(self, job: Job) -> bool:
        """Let a job go, wherever it stands; False if it does not wait here."""
        line = self._lines.get(job.owner)
        if line is None or line.pop(job.id, None) is None:
            return False
        self._size -= 1
        if not line:
            del self._lines[job.owner]
        return True

    def pick(self, most: int) -> list[Job]:
        """Up to `most` jobs, one owner after the other; whoever was served goes to the end."""
        picked: list[Job] = []
        while self._lines and len(picked) < most:
            owner, line = next(iter(self._lines.items()))
            picked.append(line.popitem(last=False)[1])
            if line:
                self._lines.move_to_end(owner)
            else:
                del self._lines[owner]
        self._size -= len(picked)
        return picked
