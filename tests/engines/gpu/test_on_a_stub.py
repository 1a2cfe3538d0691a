"""The tests for a GPU, on a stub of its driver: cuda-python's own calls, with host memory behind them."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engines.gpu.stub import find_nvrtc, stub_driver
from tests.gpu.device import SOURCE

ROOT = Path(__file__).parents[3]
BARE = ("-m", "pytest", "tests/gpu", "-c", "/dev/null", "--rootdir=.", "-p", "no:cacheprovider", "--import-mode=importlib")
"""As on a machine that has no configuration of the project's."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    find_nvrtc()
    return stub_driver(tmp_path_factory.mktemp("stub"), SOURCE)


def _python(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_the_gpus_tests(environment: dict[str, str]) -> None:
    """What holds on a device holds on the stub, but for what takes time there and for TensorRT itself."""
    said = _python(environment, "-m", "pytest", "tests/gpu", "-o", "addopts=--import-mode=importlib -p no:cacheprovider")
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|error)", said)}
    assert counts.keys() == {"passed"}
    assert counts["passed"] >= 40


_LEAKS = """
import ctypes, json
from engines.gpu.driver import Driver
from engines.gpu.engine import GpuEngine
from tests.engines.gpu.studio import Studio
from tests.engines.gpu.toy import tokens_of
from tests.gpu.standin import StandIns
studio, stub = Studio(), ctypes.CDLL("libcuda.so.1")
stub.stub_live.restype = stub.stub_allocated.restype = ctypes.c_long
said = []
for _ in range(2):
    driver = Driver()
    engine = GpuEngine(studio.student, (1, 2), StandIns(driver, studio.student), driver, tokens_of(studio.student))
    engine.warm_up()
    said.append([stub.stub_live() > 50, stub.stub_allocated() > 500_000])
    engine.close()
    said.append([stub.stub_live(), stub.stub_allocated()])
print(json.dumps(said))
"""


def test_nothing_leaks(environment: dict[str, str]) -> None:
    """When an engine is closed, nothing that it took from the driver is left: memory, streams, events, graphs, modules."""
    assert json.loads(_python(environment, "-c", _LEAKS)) == [[True, True], [0, 0], [True, True], [0, 0]]


def test_the_short_selection(environment: dict[str, str]) -> None:
    """On a bare machine, without the project's configuration, a mark selects what says whether an engine paints at all."""
    bare = (
        "-c",
        "/dev/null",
        "--rootdir=.",
        "-p",
        "no:cacheprovider",
        "--import-mode=importlib",
        "-W",
        "error::pytest.PytestUnknownMarkWarning",
    )
    said = _python(environment, "-m", "pytest", "tests/gpu", *bare, "-q", "-rs", "-m", "short")
    (passed,) = re.findall(r"(\d+) passed", said)
    assert int(passed) == 9 + 3
    assert "4 skipped" in said  # torch's: a stub runs none of it


def test_what_takes_all_memory_is_left_out_unless_named(environment: dict[str, str]) -> None:
    """It comes last and alone: no other selection has it."""
    for more, there in (((), False), (("-m", "short"), False), (("-m", "exhausting"), True)):
        said = _python(environment, *BARE, "-q", "--collect-only", *more)
        assert ("test_out_of_memory_fails_a_tick_and_no_more" in said) is there
