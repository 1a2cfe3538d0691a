"""What is found out before an engine is ready, each with a message that names it and the remedy; and nothing left behind."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.digests import Digests
from engines.errors import EngineError
from engines.gpu.cuda import OutOfDeviceMemory
from engines.gpu.engine import GpuEngine
from engines.options import TensorRtOptions
from engines.ports import GRAPHS
from engines.student import Student
from engines.tensorrt import opening
from engines.tensorrt.facts import facts_of
from engines.tensorrt.flavour import Flavour
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.studio import small
from tests.engines.gpu.toy import ToyNetworks


class Logger:
    errors: list[str] = []  # noqa: RUF012

    def log(self, severity: Any, text: str) -> None: ...


FLAVOUR = Flavour("tensorrt", "10.13.3.9", SimpleNamespace(ILogger=Logger))
SIZES = (1, 2)


class House:
    """A machine with a double for a GPU, of sm89, and stand-ins for TensorRT's plans."""

    def __init__(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache, self.student, self.double = cache, small(), CudaDouble()
        self.networks = ToyNetworks(self.double, self.student)
        self.opened: list[tuple[Any, ...]] = []
        monkeypatch.setattr(opening, "Driver", lambda number: self.double)
        monkeypatch.setattr(opening, "find_flavour", lambda name: FLAVOUR)
        monkeypatch.setattr(opening, "Plans", self._plans)

    def _plans(self, *arguments: Any) -> ToyNetworks:
        self.opened.append(arguments)
        return self.networks

    def build(self, gpu: str = "sm89", size: int = 10, sizes: tuple[int, ...] = SIZES, place: Path | None = None) -> Path:
        """Plans as a build leaves them, of so many bytes each."""
        folder = (place or self.cache) / "tensorrt" / gpu
        folder.mkdir(parents=True)
        facts = facts_of(self.student, sizes, TensorRtOptions(), FLAVOUR, (gpu,), Digests(self.cache))
        (folder / "built.json").write_text(json.dumps(facts))
        for graph in GRAPHS:
            with (folder / f"{graph}.plan").open("wb") as plan:
                plan.truncate(size)
        return folder

    def open(self, sizes: tuple[int, ...] = SIZES, **options: Any) -> GpuEngine:
        return opening.open_engine(self.student, sizes, self.cache, **options)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


def test_an_engine_from_a_build(house: House) -> None:
    """An engine is opened from the build that fits, for sizes in any order, and ticks."""
    folder = house.build()
    engine = house.open((2, 1, 2))
    assert engine.batch_sizes == (1, 2)
    assert folder in house.opened[0]
    assert "fp16" in house.opened[0]
    assert sorted(engine.warm_up()) == [1, 2]
    engine.close()
    assert house.double.closed


def test_a_build_that_came_with_the_machine(house: House, tmp_path: Path) -> None:
    """A build in the folder of those made before is opened where it lies; what the device compiles is kept in the cache."""
    came = tmp_path / "came"
    folder = house.build(place=came)
    house.open(prebuilt=came).close()
    assert folder in house.opened[0]
    kept = house.cache / "tensorrt" / folder.name
    assert house.opened[0][-1] == kept
    assert kept.is_dir()


def test_nothing_of_what_came_fits(house: House, tmp_path: Path) -> None:
    """Where what came with the machine is for other GPUs, that is said; it is not built at once behind the user's back."""
    house.build("sm86", place=tmp_path / "came")
    with pytest.raises(
        EngineError, match=r"in .*came/tensorrt/sm86, was built for gpu 'sm86', not 'sm89': allaprima build small"
    ):
        house.open(prebuilt=tmp_path / "came")
    assert house.double.closed


def test_a_cache_that_cannot_be_written(house: House, tmp_path: Path) -> None:
    """With a cache that takes nothing, what came with the machine paints all the same."""
    folder = house.build(place=tmp_path / "came")
    house.cache = tmp_path / "file"
    house.cache.touch()
    house.open(prebuilt=tmp_path / "came").close()
    assert folder in house.opened[0]


def test_a_student_that_was_not_built_is_built(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no build at all of a student, it is built for the GPU that is here."""
    asked: list[Any] = []

    def build_plans(student: Student, sizes: Any, cache: Path, gpus: Any, say: Callable[[str], None], *more: Any) -> Path:
        asked.append((student.name, sizes, gpus))
        say("building")
        return house.build()

    monkeypatch.setitem(sys.modules, "engines.tensorrt.build.plans", SimpleNamespace(build_plans=build_plans))
    said: list[str] = []
    house.open(say=said.append).close()
    assert asked == [("small", (1, 2), ("sm89",))]
    assert said == ["building"]


def test_not_built_and_nothing_to_build_with(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a build and without the extra that builds, the error says what to run, and where."""
    monkeypatch.setitem(sys.modules, "engines.tensorrt.build.plans", None)
    with pytest.raises(
        EngineError,
        match=r"small has not been built for sm89 yet.*allaprima\[tensorrt-rtx\].*that has it allaprima build small",
    ):
        house.open()
    assert house.double.closed


@pytest.mark.parametrize(
    ("gpu", "sizes", "said"), [("sm86", SIZES, "gpu 'sm86', not 'sm89'"), ("sm89", (1, 8), "batch_sizes '1,8', not '1,2'")]
)
def test_built_for_something_else(house: House, gpu: str, sizes: tuple[int, ...], said: str) -> None:
    """A build for another GPU or other sizes is refused, naming the field, and the device is given back."""
    house.build(gpu, sizes=sizes)
    with pytest.raises(EngineError, match=said):
        house.open()
    assert house.double.closed
    assert not house.opened


def test_weights_that_do_not_fit(house: House) -> None:
    """Plans that are larger than the device's free memory are refused before they are read."""
    house.build(size=1 << 30)
    with pytest.raises(
        OutOfDeviceMemory, match=r"1024 MiB of 1024 MiB free, and this engine needs 4224 MiB \(weights 4096 MiB"
    ):
        house.open()
    assert not house.opened
    assert house.double.closed


def test_ticks_that_do_not_fit(house: House) -> None:
    """Networks that are loaded and leave no room for ticks are closed again, before their device is."""
    house.build()
    house.double.allocated = (1 << 30) - (128 << 20) - 4096
    with pytest.raises(OutOfDeviceMemory, match="smaller ticks than 2"):
        house.open()
    assert house.networks.closed
    assert house.double.closed


def test_no_tensorrt(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TensorRT the error is the one that names the extra, and the device is given back."""

    def missing(name: str | None) -> Flavour:
        raise EngineError(f"{name} is not installed: pip install it")

    monkeypatch.setattr(opening, "find_flavour", missing)
    with pytest.raises(EngineError, match="tensorrt_rtx is not installed"):
        house.open(flavour="tensorrt_rtx")
    assert house.double.closed


@pytest.mark.parametrize("sizes", [(), (0, 1), (-1,)])
def test_sizes_that_are_none(house: House, sizes: tuple[int, ...]) -> None:
    """No tick sizes, or none that is positive, are refused before the device is looked for."""
    with pytest.raises(EngineError, match="must be positive"):
        house.open(sizes)
    assert house.double.calls == []
