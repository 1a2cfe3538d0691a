"""A stub of NVIDIA's driver library, compiled where there is a compiler: cuda-python takes it for the real one."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from engines.gpu.cuda import CudaError
from engines.gpu.driver import compile_for

HERE = Path(__file__).parent
KERNELS = HERE.parents[2] / "engines/gpu/kernels.cu"
STAND_INS = HERE.parents[1] / "gpu/standin.cu"
NAMES = ("open_rows", "close_rows", "toy_text", "toy_encode", "toy_denoise", "toy_decode", "toil", "add")


def kernels_on_host(folder: Path, extra: str = "") -> Path:
    """A library of our kernels, compiled for the host; `extra` is the source of a further one, called add."""
    compiler = _compiler("c++", "g++", "clang++")
    source, library = folder / "kernels.cpp", folder / "kernels.so"
    add = extra or 'extern "C" __global__ void add(int* to, int number) { *to += number; }'
    exports = "\n".join(f"EXPORT({name})" for name in NAMES)
    source.write_text(f'#include "{HERE / "host_cuda.h"}"\n#include "{KERNELS}"\n#include "{STAND_INS}"\n{add}\n{exports}\n')
    _run(compiler, "-std=c++17", "-O2", "-ffp-contract=off", "-shared", "-fPIC", str(source), "-o", str(library))
    return library


def stub_driver(folder: Path, extra: str = "") -> dict[str, str]:
    """Compile driver and kernels; the environment in which a process finds them. Skips without a compiler."""
    library = folder / "libcuda.so.1"
    source = str(HERE / "stub_driver.c")
    _run(_compiler("cc", "gcc", "clang"), "-O1", "-shared", "-fPIC", source, "-o", str(library), "-ldl")
    return {
        **os.environ,
        "LD_LIBRARY_PATH": f"{folder}:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":"),
        "STUB_KERNELS": str(kernels_on_host(folder, extra)),
    }


def find_nvrtc() -> None:
    """Skips with the reason where there is none."""
    try:
        compile_for("", (8, 9))
    except CudaError as error:
        pytest.skip(str(error))


def _compiler(*names: str) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"there is no compiler here: {', '.join(names)}")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
