"""The course of a run: each turn in a process of its own while there is time, and another's turn where one gave nothing."""

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .contestants import Contestant
from .deadline import Deadline
from .process import run_process
from .records import Records
from .turns import Turn

STARTING = 8.0
"""Seconds of a process before it does anything."""
_OVERTIME = 15.0
"""Seconds after the deadline at which what was begun before it is ended."""

Start = Callable[[Sequence[str], float], str | None]
"""Run a command for so many seconds at most: `process.run_process`."""


@dataclass(eq=False)
class Course:
    """`device` is cuda or cpu; `folder` is for what engines keep. `named` are contestants that were asked for by name. With
    `profile` whoever has the scenes leaves where a tick's time goes, too."""

    contestants: Mapping[str, Contestant]
    records: Records
    deadline: Deadline
    device: str
    seconds: float
    folder: Path
    tiny: bool = False
    named: Sequence[str] = ()
    profile: bool = False
    start: Start = field(default=run_process)

    def choose(self) -> list[Contestant]:
        """Who takes part: all, or the named ones, but those that cannot run here, which is told."""
        chosen = []
        for one in self.contestants.values():
            if (self.named and one.name not in self.named) or (one.asked and one.name not in self.named):
                continue
            why = one.lacking(self.device)
            if why is None:
                chosen.append(one)
            elif one.name in self.named or one.name != "fake":
                self.records.tell({"kind": "absent", "what": one.name, "why": why})
        return chosen

    def look_at_the_machine(self) -> None:
        if (why := self._process("machine")) is not None:
            self.records.tell({"kind": "error", "what": "the machine", "error": why})

    def take_all(self, turns: Iterable[Turn]) -> None:
        for turn in turns:
            while not self._take(turn) and (instead := self._instead(turn)) is not None:
                print(f"{turn.contestant} gave no row: {instead} takes the turn", flush=True)
                turn = Turn(instead, turn.shapes, turn.batches, turn.scenes)

    def _take(self, turn: Turn) -> bool:
        """Whether it gave a row."""
        opening = 0.0 if self.tiny else self.contestants[turn.contestant].opening
        if self.deadline.left < STARTING + opening:
            why = f"skipped: the deadline is near ({self.deadline.spent:.0f} s)"
            self.records.tell({"kind": "skipped", "what": turn.what, "why": why})
            return False
        began, before = time.monotonic(), len(self.records.read())
        flags = ["--contestant", turn.contestant, "--shapes", ",".join(turn.shapes), "--folder", str(self.folder)]
        flags += ["--batches", ",".join(map(str, turn.batches)), "--deadline", f"{self.deadline.left - STARTING:.1f}"]
        if turn.scenes:
            flags += ["--scenes", *(["--profile", str(self.records.path.with_name("profile.txt"))] if self.profile else [])]
        why_not = self._process("turn", *flags)
        if why_not is not None:
            said = f"{why_not} ({time.monotonic() - began:.0f} s)"
            self.records.tell({"kind": "error", "what": turn.what, "error": said})
        return any(record["kind"] == "row" for record in self.records.read()[before:])

    def _instead(self, turn: Turn) -> str | None:
        name = self.contestants[turn.contestant].instead
        if name is None or name in self.named or self.contestants[name].lacking(self.device) is not None:
            return None
        return name

    def _process(self, module: str, *more: str) -> str | None:
        command = [sys.executable, "-m", f"benchmarks.gpu.{module}", "--out", str(self.records.path.parent.resolve())]
        command += ["--device", self.device, "--seconds", f"{self.seconds:g}", *(["--tiny"] if self.tiny else []), *more]
        return self.start(command, self.deadline.left + _OVERTIME)
