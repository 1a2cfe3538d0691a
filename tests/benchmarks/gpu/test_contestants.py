"""Who is measured, on which machine, and in which state of torch."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.contestants import CONTESTANTS
from benchmarks.gpu.shapes import Shape
from engines.errors import EngineError
from engines.tensorrt import flavour

BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}


def bench(device: str, folder: Path) -> Bench:
    return Bench(device, folder, ((1, 8), (2, 4)))


def test_who_runs_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU the stand-in is a fake one, with a GPU there is no fake; TensorRT needs itself and a GPU."""
    monkeypatch.setattr(flavour, "find_flavour", lambda name: flavour.Flavour("tensorrt", "10.13", None))
    able = {
        device: {name for name, contestant in BY_NAME.items() if contestant.lacking(bench(device, tmp_path)) is None}
        for device in ("cpu", "cuda")
    }
    assert able["cpu"] == {"torch", "streamdiffusion", "diffusers", "fake"}
    assert able["cuda"] == {"torch", "streamdiffusion", "diffusers", "standin", "tensorrt"}


def test_tensorrt_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the engine's own words."""

    def missing(name: str | None) -> None:
        raise EngineError("TensorRT is not installed")

    monkeypatch.setattr(flavour, "find_flavour", missing)
    assert BY_NAME["tensorrt"].lacking(bench("cuda", tmp_path)) == "TensorRT is not installed"


@pytest.mark.parametrize(("gpu", "tried"), [("sm89", []), ("sm90", ["sm90"])])
def test_a_gpu_that_rtx_does_not_name_is_tried_apart(
    gpu: str, tried: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT-RTX may end the process there, so it is tried in another first; what that says is why it is absent."""
    named = SimpleNamespace(ComputeCapability=SimpleNamespace(__members__={"SM80": 0, "SM89": 1, "CURRENT": 2}))
    monkeypatch.setattr(flavour, "find_flavour", lambda name: flavour.Flavour("tensorrt_rtx", "1.7", named))
    monkeypatch.setattr("engines.tensorrt.gpus.installed_gpu", lambda: gpu)
    monkeypatch.setattr("benchmarks.gpu.contestants.probe", lambda folder: f"{folder.name} was ended")
    said: list[str] = []
    at_hand = bench("cuda", tmp_path)
    at_hand.say = said.append
    assert BY_NAME["tensorrt"].lacking(at_hand) == ("probe was ended" if tried else None)
    assert said == [f"trying TensorRT-RTX 1.7, which does not name {one}" for one in tried]


@pytest.mark.parametrize("name", ["streamdiffusion", "diffusers"])
def test_others_find_torch_as_it_comes(name: str, sd15: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What our engine sets for its process is taken back for others."""
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False  # it has no attributes that can be patched
    painter = BY_NAME[name].open(bench("cpu", tmp_path), sd15, (1,))
    assert not torch.backends.cudnn.benchmark
    assert torch.backends.cudnn.allow_tf32
    assert torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction
    painter.close()


def test_tensorrt_is_built_once_for_a_group(sd15: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that are measured together are of one engine, which stays open until the end."""
    from benchmarks.gpu import contestants
    from engines.fake_device import FakeDevice

    opened: list[tuple[int, ...]] = []
    closed: list[bool] = []

    class Engine(FakeDevice):
        def close(self) -> None:
            closed.append(True)

    def opening(shape: Shape, parts: object, sizes: tuple[int, ...], folder: Path, say: object) -> Engine:
        opened.append(sizes)
        return Engine(shape.student, sizes)

    monkeypatch.setattr(contestants, "open_tensorrt", opening)
    at_hand = bench("cpu", tmp_path)
    for sizes in ((1,), (8,), (1, 8), (4,)):
        BY_NAME["tensorrt"].open(at_hand, sd15, sizes).close()
    assert opened == [(1, 8), (2, 4)]
    assert not closed
    at_hand.close()
    assert closed == [True, True]
