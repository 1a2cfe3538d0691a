"""What can be wrong before torch's engine is opened on a GPU, each with what to do."""

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.errors import EngineError
from engines.gpu.cuda import OutOfDeviceMemory
from engines.options import TorchOptions
from engines.pytorch import opening
from engines.pytorch.opening import check_able, keep_compiled, open_engine
from engines.pytorch.place import CudaPlace, made_for_gpu
from engines.student import Student
from tests.engines.gpu.double import CudaDouble
from tests.engines.pytorch.onhost import HostPlace


class OnADouble(HostPlace):
    """A place on a device that is none, for what happens before anything runs there."""

    def __init__(self, cuda: Any, number: int) -> None:
        super().__init__()
        places.append(self)


places: list[OnADouble] = []


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> CudaDouble:
    """The device that the next engine is opened on."""
    double = CudaDouble()
    monkeypatch.setattr(opening, "Driver", lambda number: double)
    monkeypatch.setattr(opening, "CudaPlace", OnADouble)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    places.clear()
    return double


def test_an_engine(double: CudaDouble, student: Student, tmp_path: Path) -> None:
    """What is opened is the student's engine, in the precision that was asked for; closing it frees the device."""
    engine = open_engine(student, (2, 1, 2), tmp_path, options=TorchOptions("bf16", compile=False))
    assert (engine.backend, engine.precision, engine.device) == ("torch", "bf16", "a double")
    assert engine.batch_sizes == (1, 2)
    engine.close()
    assert double.closed
    assert places[0].calls == ["close"]


@pytest.mark.parametrize(("sizes", "words"), [((), "positive"), ((0, 1), "positive"), ((1, 64), "at most 63 rows, not 64")])
def test_tick_sizes(student: Student, tmp_path: Path, sizes: tuple[int, ...], words: str) -> None:
    with pytest.raises(EngineError, match=words):
        open_engine(student, sizes, tmp_path)


def test_a_student_without_graphs(double: CudaDouble, student: Student, tmp_path: Path) -> None:
    """Names the command that makes them; the device is given back."""
    with pytest.raises(EngineError, match="no graphs yet: allaprima build embedded"):
        open_engine(replace(student, graphs=None), (1,), tmp_path, options=TorchOptions(compile=False))
    assert double.closed
    assert places[0].calls == ["close"]


def test_a_device_too_small_for_the_weights(student: Student, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is refused with how much they are, before anything is put there."""
    double = CudaDouble(size=130 << 20)
    monkeypatch.setattr(opening, "Driver", lambda number: double)
    monkeypatch.setattr(opening, "CudaPlace", OnADouble)
    with pytest.raises(OutOfDeviceMemory, match=r"weights \d+ MiB"):
        open_engine(student, (1,), tmp_path, options=TorchOptions(compile=False))
    assert "allocate" not in double.calls
    assert double.closed


def with_capability(major: int, minor: int) -> CudaDouble:
    double = CudaDouble()
    double.capability = (major, minor)
    return double


@pytest.mark.parametrize(
    ("capability", "options", "computed", "words"),
    [
        ((7, 5), TorchOptions(compile=False), "bf16", r"\(sm75\) has no bf16.*another precision"),
        ((8, 6), TorchOptions(compile=False, fp8=True), "fp16", r"\(sm86\) has no fp8.*without --fp8"),
        ((6, 1), TorchOptions(), "fp32", r"from sm70 on, not a double \(sm61\): serve with --torch-compile false"),
    ],
)
def test_what_a_device_cannot(capability: tuple[int, int], options: TorchOptions, computed: str, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        check_able(with_capability(*capability), options, {"fp16", computed})


def test_what_a_device_can() -> None:
    check_able(with_capability(8, 9), TorchOptions(compile=False, fp8=True), {"fp16", "bf16"})
    check_able(with_capability(7, 5), TorchOptions(compile=False), {"fp16"})


def test_no_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling without Triton is refused before it is tried; with it, or not compiling, is not."""
    there: dict[str, object] = {}
    monkeypatch.setattr(importlib.util, "find_spec", there.get)
    with pytest.raises(EngineError, match=r"Triton.*install torch again, or serve with --torch-compile false"):
        check_able(with_capability(8, 9), TorchOptions(), {"fp16"})
    check_able(with_capability(8, 9), TorchOptions(compile=False), {"fp16"})
    there["triton"] = object()
    check_able(with_capability(8, 9), TorchOptions(), {"fp16"})


def test_what_is_compiled_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the cache folder, unless the user has named another."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    keep_compiled(tmp_path / "torch")
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "torch")
    assert (tmp_path / "torch").is_dir()
    keep_compiled(tmp_path / "another")
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "torch")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match=r"cannot be made.*--cache"):
        keep_compiled(tmp_path / "file" / "torch")


def test_what_torch_names_by_itself_is_nobodys_choice(tmp_path: Path) -> None:
    """Torch puts its own folder into the environment when its compiler is imported, which an export does before us."""
    program = (
        "import os, sys, torch; from pathlib import Path; import torch._inductor.compile_fx; from torch._inductor.codecache "
        "import cache_dir; assert cache_dir() == os.environ['TORCHINDUCTOR_CACHE_DIR']; from engines.pytorch.opening import "
        "keep_compiled; keep_compiled(Path(sys.argv[1])); print(cache_dir())"
    )
    for named, found in (({}, tmp_path / "ours"), ({"TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "users")}, tmp_path / "users")):
        environment = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_CACHE_DIR"}
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "ours")], env=environment | named, capture_output=True, text=True,
            cwd=Path(__file__).parents[3], check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [str(found)]


def test_a_torch_without_cuda() -> None:
    if torch.version.cuda is not None:
        pytest.skip("this torch is made for CUDA")
    with pytest.raises(EngineError, match="made for machines without a GPU: install"):
        CudaPlace(CudaDouble(), 0)


@pytest.mark.parametrize(
    ("version", "available", "count", "capability", "words"),
    [
        ("13.0", False, 0, (8, 9), "does not start on a double: update the driver to one for CUDA 13.0"),
        ("13.0", True, 1, (9, 0), "does not count a double as GPU 0"),
        ("13.0", True, 0, (8, 9), "does not count a double as GPU 0"),
        ("13.0", True, 1, (8, 9), r"has no kernels for a double \(sm89\): it is made for sm_90, sm_120"),
    ],
)
def test_a_torch_that_does_not_know_the_device(
    monkeypatch: pytest.MonkeyPatch, version: str, available: bool, count: int, capability: tuple[int, int], words: str
) -> None:
    monkeypatch.setattr(torch.version, "cuda", version)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: capability)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_90", "sm_120"])
    with pytest.raises(EngineError, match=words):
        CudaPlace(CudaDouble(), 0)


def test_which_gpus_kernels_are_for() -> None:
    """Machine code runs on later GPUs of its generation, and what is compiled when loaded on all later ones."""
    torchs = ["sm_75", "sm_80", "sm_90a", "compute_120"]
    able = [number for number in (70, 75, 80, 89, 90, 100, 120, 121) if made_for_gpu(torchs, divmod(number, 10))]
    assert able == [75, 80, 89, 90, 120, 121]


def test_options() -> None:
    with pytest.raises(EngineError, match="precision must be auto, fp16, bf16, fp32, not 'int8'"):
        TorchOptions("int8")
    with pytest.raises(EngineError, match="fp8 is for what is computed in half precision"):
        TorchOptions("fp32", fp8=True)
