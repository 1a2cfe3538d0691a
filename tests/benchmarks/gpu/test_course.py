"""The course of a run, without its processes: who is started with what, and what is told of those that fail."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.contestants import Contestant
from benchmarks.gpu.course import STARTING, Course
from benchmarks.gpu.deadline import Deadline
from benchmarks.gpu.records import Records
from benchmarks.gpu.turns import Turn


def contestant(name: str, **options: Any) -> Contestant:
    return Contestant(name, lambda bench, shape, sizes: pytest.fail("opened in the wrong process"), **options)


class Started:
    """Takes the place of processes: `gives` is what each turn's process tells, `ends` how it ends, by contestant."""

    def __init__(self, records: Records) -> None:
        self.commands: list[list[str]] = []
        self.limits: list[float] = []
        self.gives: set[str] = set()
        self.ends: dict[str, str] = {}
        self._records = records

    def __call__(self, command: Sequence[str], seconds: float) -> str | None:
        self.commands.append(list(command))
        self.limits.append(seconds)
        name = self.flag("--contestant")
        if name in self.gives:
            self._records.tell(ROW | {"engine": name})
        return self.ends.get(name)

    def flag(self, name: str, at: int = -1) -> str:
        command = self.commands[at]
        return command[command.index(name) + 1] if name in command else ""


ROW = {
    "kind": "row", "family": "sd15", "pixels": 512, "precision": "fp16", "batch": 1, "under_way": 1, "images_per_s": 1.0,
    "p50_ms": 1.0, "p99_ms": 1.0, "jpeg_images_per_s": 1.0, "jpeg_p50_ms": 1.0, "jpeg_p99_ms": 1.0, "watts": None,
    "joules_per_image": None, "tflops": None, "share": None, "waits_per_tick": None,
}  # fmt: skip
TURN = Turn("torch", ("sd15-512",), (1, 8), scenes=True)

Make = Callable[..., tuple[Course, Started, Records]]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make(*contestants: Contestant, **options: Any) -> tuple[Course, Started, Records]:
        records = Records(tmp_path, lambda line: None)
        started = Started(records)
        by_name = {one.name: one for one in contestants}
        options = {"deadline": Deadline(600.0, clock=lambda: 0.0)} | options
        course = Course(by_name, records, device="cuda", seconds=2.0, folder=tmp_path / "kept", start=started, **options)
        return course, started, records

    return make


def test_a_turn_is_a_process(make: Make, tmp_path: Path) -> None:
    """It is told all that it measures, where to write, and how long it has; and is ended when it takes longer."""
    course, started, records = make(contestant("torch"))
    started.gives = {"torch"}
    course.take_all([TURN])
    (command,) = started.commands
    assert command[1:3] == ["-m", "benchmarks.gpu.turn"]
    assert "--scenes" in command
    assert "--tiny" not in command
    flags = ("--contestant", "--shapes", "--batches", "--out", "--device", "--seconds", "--deadline")
    assert [started.flag(name) for name in flags] == [
        "torch", "sd15-512", "1,8", str(tmp_path), "cuda", "2", f"{600 - STARTING:.1f}",
    ]  # fmt: skip
    assert started.limits[0] > 600
    assert not [record for record in records.read() if record["kind"] in ("error", "skipped")]


def test_a_profile_is_of_whoever_has_the_scenes(make: Make, tmp_path: Path) -> None:
    """Its engine is open then, and opening is what takes minutes."""
    course, started, _ = make(contestant("torch"), contestant("diffusers"), profile=True)
    course.take_all([Turn("diffusers", ("sd15-512",), (1,)), TURN])
    assert started.flag("--profile", 0) == ""
    assert started.flag("--profile", 1) == str(tmp_path / "profile.txt")


def test_a_process_that_ends_badly_harms_no_other(make: Make) -> None:
    """How it ended is told in a line, and the next turn is taken."""
    course, started, records = make(contestant("torch"), contestant("tensorrt"))
    started.ends = {"torch": "was ended by SIGABRT"}
    course.take_all([TURN, Turn("tensorrt", ("sd15-512",), (1,))])
    (error,) = [record for record in records.read() if record["kind"] == "error"]
    assert error["what"] == TURN.what
    assert error["error"].startswith("was ended by SIGABRT")
    assert [started.flag("--contestant", at) for at in (0, 1)] == ["torch", "tensorrt"]


def test_another_takes_the_turn_of_one_who_gave_nothing(make: Make) -> None:
    """A GPU is not lent to learn only that something failed: what is simpler is measured then, and the scenes with it."""
    course, started, _ = make(
        contestant("torch", instead="torch-plain"),
        contestant("torch-plain", asked=True, instead="torch-eager"),
        contestant("torch-eager", asked=True),
    )
    course.take_all([TURN])
    names = [started.flag("--contestant", at) for at in range(len(started.commands))]
    assert names == ["torch", "torch-plain", "torch-eager"]
    assert all("--scenes" in command for command in started.commands)
    started.commands.clear()
    started.gives = {"torch"}
    course.take_all([TURN])
    assert len(started.commands) == 1


def test_what_would_not_be_ready_in_time_is_not_started(make: Make) -> None:
    """Opening has a time of its own before it is known: what it would not leave room for is told, not tried."""
    course, started, records = make(contestant("torch", opening=120.0), deadline=Deadline(100.0, clock=lambda: 0.0))
    course.take_all([TURN])
    assert started.commands == []
    (skipped,) = records.read()
    assert (skipped["kind"], skipped["what"]) == ("skipped", TURN.what)


def test_who_takes_part(make: Make) -> None:
    """Everybody who can; of those that are asked for only the named; and who cannot says why, once, unless it is fake."""
    everybody = (
        contestant("one"),
        contestant("fake", lacking=lambda device: "there is a GPU"),
        contestant("other", lacking=lambda device: f"no {device}"),
        contestant("rare", asked=True),
    )
    course, _, records = make(*everybody)
    assert [one.name for one in course.choose()] == ["one"]
    assert records.read() == [{"kind": "absent", "what": "other", "why": "no cuda"}]
    course, _, _ = make(*everybody, named=("rare",))
    assert [one.name for one in course.choose()] == ["rare"]


def test_the_machine_comes_first(make: Make) -> None:
    """A process looks at it; that it could not is told."""
    course, started, records = make()
    started.ends = {"": "ended with status 1"}
    course.look_at_the_machine()
    assert started.commands[0][2] == "benchmarks.gpu.machine"
    assert records.read() == [{"kind": "error", "what": "the machine", "error": "ended with status 1"}]
