"""Who is measured, on which machine, and in which state of torch."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.contestants import CONTESTANTS
from benchmarks.gpu.shapes import Shape
from engines.errors import EngineError
from engines.tensorrt import flavour

BY_NAME = {contestant.name: contestant for contestant in CONTESTANTS}


def test_who_runs_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU the stand-in is a fake one, with a GPU there is no fake; TensorRT needs itself and a GPU."""
    monkeypatch.setattr(flavour, "find_flavour", lambda name: flavour.Flavour("tensorrt", "10.13", None))
    able = {
        device: {name for name, contestant in BY_NAME.items() if contestant.lacking(device) is None}
        for device in ("cpu", "cuda")
    }
    assert able["cpu"] == {"torch", "streamdiffusion", "diffusers", "fake"}
    variants = {name for name, contestant in BY_NAME.items() if contestant.asked}
    assert able["cuda"] == {"torch", "streamdiffusion", "diffusers", "standin", "tensorrt"} | variants
    assert {"torch-eager", "torch-fp8", "torch-plain"} == variants


def test_who_came_before_us_goes_first() -> None:
    """And what may end its process, and builds longest, last. Who takes another's turn is there."""
    assert [*BY_NAME][:2] == ["streamdiffusion", "diffusers"]
    assert [*BY_NAME][-1] == "tensorrt"
    assert {contestant.instead for contestant in CONTESTANTS if contestant.instead} <= BY_NAME.keys()


@pytest.mark.parametrize(
    ("name", "compiled", "fp8"), [("torch", True, False), ("torch-eager", False, False), ("torch-fp8", True, True)]
)
def test_variants_of_torch(
    name: str, compiled: bool, fp8: bool, sd15: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is the engine with its options, given graphs that were typed for them, at all sizes at once."""
    from benchmarks.gpu import contestants
    from engines.fake_device import FakeDevice

    opened: list[tuple[object, ...]] = []

    def opening(shape: Shape, graphs: object, options: object, sizes: tuple[int, ...], folder: Path, say: object) -> FakeDevice:
        opened.append((graphs, options, sizes))
        return FakeDevice(shape.student, sizes)

    monkeypatch.setattr(contestants, "open_torch", opening)
    monkeypatch.setattr(contestants, "typed", lambda shape, parts, options, folder: options)
    at_hand = Bench("cuda", tmp_path)
    monkeypatch.setattr(at_hand, "parts_on_cpu", lambda shape: None)
    BY_NAME[name].open(at_hand, sd15, (1, 8)).close()
    ((graphs, options, sizes),) = opened
    assert graphs is options
    assert (options.compile, options.fp8, sizes) == (compiled, fp8, (1, 8))  # type: ignore[attr-defined]


def test_tensorrt_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the engine's own words."""

    def missing(name: str | None) -> None:
        raise EngineError("TensorRT is not installed")

    monkeypatch.setattr(flavour, "find_flavour", missing)
    assert BY_NAME["tensorrt"].lacking("cuda") == "TensorRT is not installed"


@pytest.mark.parametrize(("gpu", "tried"), [("sm89", []), ("sm90", ["sm90"])])
def test_a_gpu_that_rtx_does_not_name_is_tried_apart(
    gpu: str, tried: list[str], sd15: Shape, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorRT-RTX may end the process there, so it is tried in another, in its own turn and not before others' rows; what
    that says is why it is not measured."""
    from benchmarks.gpu import contestants
    from engines.fake_device import FakeDevice

    named = SimpleNamespace(ComputeCapability=SimpleNamespace(__members__={"SM80": 0, "SM89": 1, "CURRENT": 2}))
    monkeypatch.setattr(flavour, "find_flavour", lambda name: flavour.Flavour("tensorrt_rtx", "1.7", named))
    monkeypatch.setattr("engines.tensorrt.gpus.installed_gpu", lambda: gpu)
    monkeypatch.setattr(contestants, "open_tensorrt", lambda shape, parts, sizes, *_: FakeDevice(shape.student, sizes))
    probed: list[Path] = []
    monkeypatch.setattr(contestants, "probe", lambda folder: probed.append(folder) or "it was ended")
    said: list[str] = []
    at_hand = Bench("cuda", tmp_path, said.append)
    monkeypatch.setattr(at_hand, "parts", lambda shape: None)
    assert BY_NAME["tensorrt"].lacking("cuda") is None
    assert probed == []
    if tried:
        with pytest.raises(EngineError, match="it was ended"):
            BY_NAME["tensorrt"].open(at_hand, sd15, (1, 8))
    else:
        assert BY_NAME["tensorrt"].open(at_hand, sd15, (1, 8)).sizes == (1, 8)
    assert probed == [tmp_path / "probe"] * len(tried)
    assert said == [f"trying TensorRT-RTX 1.7, which does not name {one}" for one in tried]
