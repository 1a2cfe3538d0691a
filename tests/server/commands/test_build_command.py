"""allaprima build: what is asked wrongly is said before anything is built. The building itself: tests/engines."""

import argparse
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.choices import Choices
from engines.errors import EngineError
from engines.options import TensorRtOptions
from engines.ports import GRAPHS
from engines.prepare import chosen
from engines.student import Student
from engines.tensorrt import gpus
from engines.tensorrt.flavour import Flavour, find_flavour
from server.command_line import main
from server.commands import build, serve


def _without_rtx() -> str:
    """Why nothing is built with TensorRT-RTX here; empty where it is."""
    try:
        find_flavour("tensorrt_rtx")
    except EngineError as error:
        return str(error)
    return ""


needs_rtx = pytest.mark.skipif(bool(_without_rtx()), reason=_without_rtx() or "it is here")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "no student named 'nobody'; there are:"),
        (
            ["sd-turbo", "--engine", "magic"],
            "nothing is built for an engine 'magic'; engines are: openvino, tensorrt, tens",
        ),
        (["sd-turbo", "--engine", "fake"], "nothing is built for an engine 'fake'"),
        (["sd-turbo", "--size", "100x100"], "sides must be multiples of 64 pixels: 100 is not, 128 is near"),
        (["sd-turbo", "--size", "large"], "a size is WIDTHxHEIGHT"),
        (["sd-turbo", "--batch-sizes", "0"], "each size is 1 or more"),
        (["sd-turbo", "--batch-sizes", "one"], "--batch-sizes"),
        (["sd-turbo", "--weights", "/nowhere"], "there is nothing at /nowhere"),
        (["sd-turbo", "--lora", "/nowhere.safetensors:0.5"], "no LoRA file /nowhere.safetensors"),
        (["sd-turbo", "--lora", "style:strong"], "a LoRA is FILE:WEIGHT"),
        (["embedded", "--size", "512x512"], "embedded paints 256x256 only"),
        (["embedded", "--full-vae"], "comes with its graphs"),
        (["embedded", "--gpu", "sm89"], "--gpu is for --engine tensorrt or tensorrt_rtx: open"),
        (
            ["embedded", "--engine", "torch", "--level", "3"],
            "for --engine tensorrt or tensorrt_rtx: torch on cpu has no such choice",
        ),
        (["embedded", "--upscaler", "x2=/nowhere.onnx"], "the upscaler x2: there is no /nowhere.onnx"),
        (["embedded", "--upscaler", "x2"], "an upscaler is NAME=WEIGHTS"),
        (["embedded", "--upscaler", "x2=/nowhere"], "--upscaler: x2: an upscaler is a graph (FILE.onnx)"),
        (["embedded", "--stripped"], "--stripped is for --engine tensorrt"),
        (["embedded", "--engine", "tensorrt", "--gpu", "4090"], "GPUs are architectures with commas, such as sm86,sm89"),
        (["embedded", "--engine", "tensorrt", "--gpu", ""], "GPUs are architectures"),
        (["embedded", "--engine", "tensorrt", "--level", "9"], "--level: "),
        (["embedded", "--engine", "tensorrt", "--precision", "int8"], "--precision: Input should be "),
        (["embedded", "--precision", "fp16"], "--precision fp16 is not for --engine openvino on cpu"),
        (["sd-turbo", "--size", "512x512,100x100"], "sides must be multiples of 64"),
    ],
)
def test_wrong(arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each mistake is one message that names it, with status 2 and nothing built."""
    assert main(["build", *arguments, "--cache", str(tmp_path)]) == 2
    assert says in capsys.readouterr().err
    assert not list(tmp_path.rglob("built.json"))


class Rtx:
    """TensorRT-RTX and its builds, as far as the command knows them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, here: str | None = None) -> None:
        self.asked: list[Any] = []
        self._folder = folder
        names = SimpleNamespace(__members__=dict.fromkeys(("SM75", "SM80", "SM89", "SM120")))
        flavour = Flavour("tensorrt_rtx", "1.7.1", SimpleNamespace(ComputeCapability=names))
        monkeypatch.setattr(gpus, "find_flavour", lambda name, ahead: self.asked.append((name, ahead)) or flavour)
        monkeypatch.setattr(gpus, "installed_gpu", lambda: here)
        monkeypatch.setitem(sys.modules, "engines.tensorrt.build.plans", SimpleNamespace(build_plans=self.build))
        monkeypatch.setattr(build, "prepare", self.prepare)

    def prepare(self, student: Student, cache: Path, choices: Choices, say: Any) -> Student:
        self.asked.append(choices)
        return chosen(student, choices)

    def build(self, student: Student, batches: tuple[int, ...], cache: Path, targets: Any, say: Any, *more: Any) -> Path:
        self.asked.append((student.name, f"{student.width}x{student.height}", batches, targets, *more[:1]))
        self._folder.mkdir(exist_ok=True)
        (self._folder / "denoise.plan").write_bytes(bytes(2_000_000))
        return self._folder


def test_tensorrt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With TensorRT each size is exported and built in turn, as it was asked for, and the user is told where it lies."""
    rtx = Rtx(monkeypatch, tmp_path / "built")
    flags = (
        "--engine tensorrt --gpu sm89,sm80 --size 512x512,768x512 --batch-sizes 2,1 --precision bf16 --level 4 --workspace 64"
    )
    assert main(["build", "sd-turbo", *flags.split(), "--stripped", "--cache", str(tmp_path)]) == 0
    options = TensorRtOptions("bf16", True, 4, 64)
    assert rtx.asked == [
        (None, True),
        Choices(512, 512),
        ("sd-turbo", "512x512", (1, 2), ("sm80", "sm89"), options),
        Choices(768, 512),
        ("sd-turbo", "768x512", (1, 2), ("sm80", "sm89"), options),
    ]
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"sd-turbo is built at 512x512 for TensorRT-RTX 1.7.1 on sm80, sm89 in 0 s: 2 MB in {tmp_path / 'built'}"
    assert second.startswith("sd-turbo is built at 768x512 for ")


@pytest.mark.parametrize(
    ("backend", "here", "name", "ahead", "targets"),
    [
        ("tensorrt", None, None, True, ("sm80", "sm89", "sm120")),
        ("tensorrt_rtx", None, "tensorrt_rtx", True, ("sm80", "sm89", "sm120")),
        ("tensorrt", "sm89", None, False, ("sm89",)),
    ],
)
def test_no_gpu_is_named(
    backend: str, here: str | None, name: str | None, ahead: bool, targets: tuple[str, ...], tmp_path: Path, monkeypatch: Any
) -> None:
    """Where no GPU is named the one that is here is built for, and where none is here all from Ampere on."""
    rtx = Rtx(monkeypatch, tmp_path / "built", here)
    assert main(["build", "embedded", "--engine", backend, "--cache", str(tmp_path)]) == 0
    assert rtx.asked == [(name, ahead), Choices(), ("embedded", "256x256", (1, 2, 4, 8), targets, TensorRtOptions())]


def test_what_tensorrt_cannot_do_is_known_before_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A GPU that cannot be built for is refused before anything is exported, which takes minutes."""
    rtx = Rtx(monkeypatch, tmp_path / "built")
    assert main(["build", "sd-turbo", "--engine", "tensorrt", "--gpu", "sm90", "--cache", str(tmp_path)]) == 2
    assert rtx.asked == [(None, True)]
    assert "does not build for sm90; it does for sm75, sm80, sm89, sm120" in capsys.readouterr().err


def test_tensorrt_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """TensorRT without what makes graphs for it is an installation by hand: the extras are named."""
    Rtx(monkeypatch, tmp_path / "built")
    monkeypatch.setitem(sys.modules, "engines.tensorrt.build.plans", None)
    assert main(["build", "embedded", "--engine", "tensorrt", "--cache", str(tmp_path)]) == 2
    assert "what builds for TensorRT-RTX 1.7.1 is not whole here" in (said := capsys.readouterr().err)
    assert "pip install 'allaprima[tensorrt-rtx]'" in said


def test_torch_on_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """For torch on a GPU the engine is warmed up, which is when it compiles, and closed; its GPU is looked for first."""
    noted: list[Any] = []
    engine = SimpleNamespace(warm_up=lambda: noted.append("warm"), close=lambda: noted.append("closed"))
    monkeypatch.setattr(build, "check_engine", lambda *arguments: noted.append(arguments))
    monkeypatch.setattr(build, "make_engine", lambda kind, *rest, **places: noted.append((kind, places["device"])) or engine)
    assert main(["build", "embedded", "--engine", "torch", "--device", "cuda:1", "--cache", str(tmp_path)]) == 0
    assert noted == [("torch", 1), ("torch", 1), "warm", "closed"]
    assert "embedded is built at 256x256 for torch in " in capsys.readouterr().out


@needs_rtx
def test_what_ships_with_tensorrt_rtx(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The embedded student is built in earnest for GPUs that are not here, says so by graph, and is then listed."""
    command = ["embedded", "--engine", "tensorrt_rtx", "--gpu", "sm86,sm89", "--batch-sizes", "1", "--cache", str(tmp_path)]
    assert main(["build", *command]) == 0
    said = capsys.readouterr()
    assert re.search(r"embedded is built at 256x256 for TensorRT-RTX \S+ on sm86, sm89 in \d+ s: \d+ MB in ", said.out)
    assert [line.split()[1] for line in said.err.splitlines() if line.startswith("built ")] == [*GRAPHS, "embedded"]
    assert main(["students", "--cache", str(tmp_path)]) == 0
    assert "built: tensorrt_rtx 256x256 ticks of 1 fp16 for sm86, sm89" in capsys.readouterr().out


def test_what_ships_is_only_compiled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The embedded student needs no weights: it is compiled for the sizes asked, and is then listed."""
    assert main(["build", "embedded", "--batch-sizes", "1,2", "--precision", "fp32", "--cache", str(tmp_path)]) == 0
    assert "embedded is built at 256x256 for openvino" in capsys.readouterr().out
    assert main(["students", "--cache", str(tmp_path)]) == 0
    assert "built: openvino 256x256 ticks of 1,2 fp32" in capsys.readouterr().out


def test_flags_of_old_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was called otherwise before build and serve had the same flags still works."""
    rtx = Rtx(monkeypatch, tmp_path / "built")
    flags = ["--backend", "tensorrt", "--gpu", "sm89", "--batches", "2", "--lora", "a:0.5", "--lora", "b"]
    assert main(["build", "sd-turbo", *flags, "--cache", str(tmp_path)]) == 0
    assert rtx.asked[1:] == [
        Choices(loras=((Path("a"), 0.5), (Path("b"), 1.0))),
        ("sd-turbo", "512x512", (2,), ("sm89",), TensorRtOptions()),
    ]


def test_build_and_serve_have_the_same_flags() -> None:
    """A flag of one that the other has too is the same there."""
    parsers = {command: argparse.ArgumentParser() for command in (build, serve)}
    for command, parser in parsers.items():
        command.add(parser)
    shown = {
        command: {action.option_strings[0]: (action.nargs, action.help) for action in parser._actions if action.option_strings}
        for command, parser in parsers.items()
    }
    both = shown[build].keys() & shown[serve].keys()
    assert {"--engine", "--batch-sizes", "--lora", "--precision", "--level", "--stripped", "--full-vae", "--cache"} <= both
    assert {flag for flag in both if shown[build][flag] != shown[serve][flag]} == {"--size"}  # of which build takes several
