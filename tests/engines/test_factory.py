"""Engines by name."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError
from engines.factory import check_engine, make_engine
from engines.fake_device import FakeDevice
from engines.gpu import driver
from engines.options import ENGINES, FakeOptions, OpenVinoOptions, TensorRtOptions, TorchOptions
from engines.student import Student
from engines.tensorrt import flavour as flavours
from engines.tensorrt import opening


def test_fake(student: Student) -> None:
    """An engine is made with its options."""
    engine = make_engine("fake", student, (1, 2), FakeOptions(tick_seconds=0.5))
    assert (engine.backend, engine.batch_sizes, engine.student) == ("fake", (1, 2), student)
    assert engine.warm_up()[1] == 0.5


@pytest.mark.parametrize("kind", ["", "Fake", "tensorflow"])
def test_unknown(student: Student, kind: str) -> None:
    """An engine that is not there is refused with those that are."""
    with pytest.raises(EngineError, match=", ".join(ENGINES)):
        make_engine(kind, student, (1,))


@pytest.mark.parametrize(("device", "module"), [(None, "reference"), (0, "opening")])
def test_torch_not_installed(student: Student, monkeypatch: pytest.MonkeyPatch, device: int | None, module: str) -> None:
    """Without its extra the torch engine says which to install, on a CPU and on a GPU."""
    monkeypatch.setitem(sys.modules, f"engines.pytorch.{module}", None)
    with pytest.raises(EngineError, match=r"pip install 'allaprima\[torch\]'"):
        make_engine("torch", student, (1,), device=device, cache=Path())


def test_torch_on_a_cpu(student: Student, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU torch is the reference."""
    made: list[Any] = []
    reference = SimpleNamespace(TorchEngine=lambda *arguments: made.append(arguments))
    monkeypatch.setitem(sys.modules, "engines.pytorch.reference", reference)
    make_engine("torch", student, (1, 2))
    assert made == [(student, (1, 2))]


def test_torch_on_a_gpu(student: Student, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a GPU torch is the engine that is made for one, with its options, and is told whom to say what it does."""
    made: list[Any] = []
    opened = SimpleNamespace(open_engine=lambda *arguments, **options: made.append((arguments, options)))
    monkeypatch.setitem(sys.modules, "engines.pytorch.opening", opened)
    chosen = TorchOptions("bf16", compile=False)
    make_engine("torch", student, (1, 2), chosen, device=1, cache=tmp_path, say=print)
    assert made == [((student, (1, 2), tmp_path, 1, chosen, print), {})]


@pytest.mark.parametrize(("kind", "flavour"), [("tensorrt", None), ("tensorrt_rtx", "tensorrt_rtx")])
def test_tensorrt(student: Student, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, flavour: str | None) -> None:
    """Each kind opens an engine of its flavour, or of the one that is installed, with its options."""
    made: list[Any] = []
    monkeypatch.setattr(opening, "open_engine", lambda *arguments, **options: made.append((arguments, options)))
    make_engine(kind, student, (1, 2), cache=tmp_path, device=1, prebuilt=tmp_path / "with it", say=print)
    assert made == [((student, (1, 2), tmp_path, flavour, 1, TensorRtOptions(), print, tmp_path / "with it"), {})]


def test_options_of_another_engine(student: Student, tmp_path: Path) -> None:
    """An engine takes its own options, and runs where it can."""
    with pytest.raises(EngineError, match="OpenVinoOptions are not of the engine fake on a CPU"):
        make_engine("fake", student, (1,), OpenVinoOptions())
    with pytest.raises(EngineError, match="TorchOptions are not of the engine torch on a CPU"):
        make_engine("torch", student, (1,), TorchOptions())
    with pytest.raises(EngineError, match="openvino runs on cpu, not on cuda"):
        make_engine("openvino", student, (1,), cache=tmp_path, device=0)


def test_checking_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine's library is looked for before its GPU, which is given back; where no GPU is used neither is."""
    noted: list[Any] = []

    def look(number: int) -> Any:
        noted.append(number)
        return SimpleNamespace(close=lambda: noted.append("closed"))

    monkeypatch.setattr(flavours, "find_flavour", noted.append)
    monkeypatch.setattr(driver, "Driver", look)
    for kind, device in (("openvino", None), ("torch", None), ("tensorrt", 1), ("tensorrt_rtx", 0), ("torch", 2)):
        check_engine(kind, device)
    assert noted == [None, 1, "closed", "tensorrt_rtx", 0, "closed", 2, "closed"]


def test_serving_needs_no_torch() -> None:
    """Neither the server nor the default engine imports torch, nor do they import TensorRT."""
    unwanted = ("torch", "tensorrt", "tensorrt_rtx", "tensorrt_rtx_bindings", "onnx_ir", "cuda")
    code = f"import sys, server.command_line, engines.openvino_engine; sys.exit(bool(set({unwanted}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("overlap", [False, True])
def test_the_fake_engine_is_given_all_its_options(student: Student, overlap: bool, tmp_path: Path) -> None:
    """Whether its ticks overlap or not."""
    options = FakeOptions(tick_seconds=0.5, row_seconds=0.25, overlap=overlap, copies=True, gate=tmp_path)
    engine = make_engine("fake", student, (1, 2), options)
    assert isinstance(engine, FakeDevice) is overlap
    assert engine.warm_up() == {1: 0.75, 2: 1.0}
    assert (engine._copies, engine._gate) == (True, tmp_path)  # type: ignore[attr-defined]
