"""`allaprima serve` on a GPU engine that cannot start: each reason is one message, with what to do, before it is ready.

The command is the real one. Drivers are the machine's own, which is none, and a stub (tests/engines/gpu); TensorRT is a
module with little more than a version.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engines.build_cache import BuildCache
from engines.digests import Digests
from engines.options import TensorRtOptions
from engines.ports import GRAPHS
from engines.student import Student
from engines.tensorrt.facts import facts_of
from engines.tensorrt.flavour import Flavour
from tests.engines.gpu.stub import stub_driver

SIZES = (1, 2)
ROOT = Path(__file__).parents[2]
NONE = "raise ModuleNotFoundError('none here', name=__name__)\n"


def _a_driver_is_here() -> bool:
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


class Machine:
    """A machine with this version of TensorRT, and a GPU of sm89 with 1 GiB where there is a driver."""

    def __init__(self, folder: Path, environment: dict[str, str], version: str | None = "10.13.0") -> None:
        self.cache, self.version = folder / "cache", version
        modules = folder / "modules"
        modules.mkdir()
        for name in ("tensorrt_rtx", "tensorrt_rtx_bindings"):
            (modules / f"{name}.py").write_text(NONE)
        (modules / "tensorrt.py").write_text(NONE if version is None else f"__version__ = {version!r}\n")
        clean = {name: value for name, value in environment.items() if not name.startswith("ALLAPRIMA_")}
        self._environment = clean | {"PYTHONPATH": str(modules), "PYTHONWARNINGS": "error", "ALLAPRIMA_STUDENT": "embedded"}

    def build(self, student: Student, size: int = 10, **other: str) -> None:
        """A build for this machine, with plans of so many bytes; or for another, by the fact that is other."""
        flavour = Flavour("tensorrt", str(self.version), None)
        facts = {**facts_of(student, SIZES, TensorRtOptions(), flavour, ("sm89",), Digests(self.cache)), **other}
        builds = BuildCache(self.cache / "tensorrt")
        folder = builds.folder(facts)
        for graph in GRAPHS:
            with (folder / f"{graph}.plan").open("wb") as plan:
                plan.truncate(size)
        builds.seal(facts)

    def serve(self, *flags: str) -> str:
        """What the server said at its end, which was its own and a failure, without having been ready."""
        command = [sys.executable, "-m", "server", "serve", "--port", "0", "--cache", str(self.cache)]
        done = subprocess.run(
            [*command, "--batch-sizes", "1,2", *(flags or ("--engine", "tensorrt"))],
            capture_output=True, text=True, timeout=60, cwd=ROOT, env=self._environment,
        )  # fmt: skip
        assert done.returncode == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert " ready: " not in done.stderr
        last = done.stderr.splitlines()[-1]
        assert last.startswith("allaprima: the engine did not start: ")
        return last


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")
    return stub_driver(tmp_path_factory.mktemp("stub"))


@pytest.mark.skipif(_a_driver_is_here(), reason="there is an NVIDIA driver here")
@pytest.mark.parametrize(
    "flags",
    [
        ("--engine", "tensorrt"),
        ("--engine", "torch", "--device", "cuda"),
        ("--engine", "tensorrt", "--student", "sd-turbo", "--weights", "/nowhere"),
    ],
)
def test_no_driver(flags: tuple[str, ...], tmp_path: Path) -> None:
    """Without a driver the message says so, and names the engine that needs none; before weights are looked at."""
    pytest.importorskip("cuda.bindings.driver", reason="cuda-bindings is not installed")
    said = Machine(tmp_path, dict(os.environ)).serve(*flags)
    assert "there is no NVIDIA driver on this machine: install it, or serve with --engine openvino" in said


@pytest.mark.parametrize(
    ("version", "says"),
    [
        (None, "TensorRT is not installed: pip install 'allaprima[tensorrt-rtx]'"),
        ("9.3.0", "TensorRT is not installed (tensorrt: version 9.3.0 is too old, 10 is the first that will do): pip install"),
    ],
)
def test_no_tensorrt(version: str | None, says: str, tmp_path: Path) -> None:
    """Without TensorRT, or with one of an older major version, the message has the command that installs it."""
    assert says in Machine(tmp_path, dict(os.environ), version).serve()


def test_no_such_gpu(stub: dict[str, str], tmp_path: Path) -> None:
    """A GPU with a number that is not there is named, with how many there are."""
    said = Machine(tmp_path, stub).serve("--engine", "tensorrt", "--device", "cuda:3")
    assert "there is no GPU 3: there are 1, counted from 0" in said


@pytest.mark.parametrize(
    ("field", "other", "wanted"),
    [("gpu", "sm86,sm120", "sm89"), ("backend", "tensorrt 10.9.0", "tensorrt 10.13.0"), ("batch_sizes", "1,4", "1,2")],
)
def test_built_for_something_else(
    field: str, other: str, wanted: str, stub: dict[str, str], student: Student, tmp_path: Path
) -> None:
    """A build for another GPU, version or tick sizes is named by what is off, with the command that makes the right one."""
    machine = Machine(tmp_path, stub)
    machine.build(student, **{field: other})
    said = machine.serve()
    assert f"was built for {field} {other!r}, not {wanted!r}: " in said
    assert (
        "allaprima build embedded --engine tensorrt --gpu sm89 --size 256x256 --batch-sizes 1,2 --precision fp16 (with" in said
    )


def test_too_little_memory(stub: dict[str, str], student: Student, tmp_path: Path) -> None:
    """Plans larger than the device's memory are refused with both numbers and what to do."""
    machine = Machine(tmp_path, stub)
    machine.build(student, size=1 << 28)
    said = machine.serve()
    assert "stub has 1024 MiB of 1024 MiB free, and this engine needs 1152 MiB" in said
    assert "ask for smaller ticks than 2" in said


def test_the_command_that_is_named_makes_what_is_wanted(student: Student, tmp_path: Path, stub: dict[str, str]) -> None:
    """The command of the message, given to the real `allaprima build`, makes a build with the facts that were wanted."""
    pytest.importorskip("tensorrt_rtx_bindings", reason="TensorRT-RTX is not installed")
    cache = tmp_path / "cache"
    environment = {**stub, "ALLAPRIMA_CACHE": str(cache), "ALLAPRIMA_WORKSPACE": "512", "ALLAPRIMA_LEVEL": "0"}

    def allaprima(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "server", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, env=environment)

    assert allaprima("build", "embedded", "--engine", "tensorrt", "--gpu", "sm120", "--batch-sizes", "1").returncode == 0
    refused = allaprima("serve", "--engine", "tensorrt", "--port", "0", "--batch-sizes", "1").stderr.splitlines()[-1]
    command = refused[refused.index("allaprima build") : refused.index(" (with")]
    assert "gpu 'sm120', not 'sm89'" in refused
    assert allaprima(*command.split()[1:]).returncode == 0
    built = [json.loads(path.read_text()) for path in cache.glob("tensorrt/*/built.json")]
    assert sorted(facts.pop("gpu") for facts in built) == ["sm120", "sm89"]
    for facts in built:
        assert set(facts.pop("sha256")) == {
            "text.plan",
            "encode.plan",
            "denoise.plan",
            "decode.plan",
        }  # each card's plans are its own
    assert built[0] == built[1]
