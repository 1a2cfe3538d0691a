"""Our kernels: the source itself, compiled for the host, does what the double does; and NVRTC takes it for every GPU."""

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.gpu.cuda import Argument, CudaError, bytes_of
from engines.gpu.driver import compile_for
from engines.gpu.kernels import SOURCE
from tests.engines.gpu.double import CudaDouble
from tests.engines.gpu.stub import find_nvrtc, kernels_on_host
from tests.gpu.standin import SOURCE as STAND_IN

Arrays = dict[str, NDArray[Any]]
ROWS, LENGTH, BLOCK, MASKS = 5, 300, 128, 6


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return ctypes.CDLL(str(kernels_on_host(tmp_path_factory.mktemp("kernels"))))


@pytest.fixture
def nvrtc() -> None:
    find_nvrtc()


def on_host(library: ctypes.CDLL, name: str, arrays: Arrays) -> Arrays:
    """The arrays after the kernel's own source has run over copies of them."""
    copies = {key: array.copy() for key, array in arrays.items()}
    addresses = [ctypes.c_void_p(array.ctypes.data) for array in copies.values()]
    values = [*addresses, ctypes.c_int32(LENGTH)]
    pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
    getattr(library, f"{name}_on_host")(pointers, -(-LENGTH // BLOCK), ROWS, BLOCK)
    return copies


def on_double(name: str, arrays: Arrays) -> Arrays:
    """The arrays after the double has run its kernel of that name."""
    double = CudaDouble()
    stream, at = double.stream(), {}
    for key, array in arrays.items():
        at[key], host = double.allocate(array.nbytes), double.pinned(array.nbytes)
        host[:] = bytes_of(array)
        double.copy_in(at[key], host, stream)
    kernel = double.compile(SOURCE.read_text(), (name,))[name]
    arguments: list[Argument] = [*at.values(), np.int32(LENGTH)]
    double.launch(kernel, (-(-LENGTH // BLOCK), ROWS), BLOCK, arguments, stream)
    return {key: double.look(at[key], array.shape, array.dtype) for key, array in arrays.items()}


def case(seed: int) -> tuple[Arrays, Arrays]:
    """What both kernels might be given: rows that open, start, encode, go on, are done, and are nothing."""
    rng = np.random.default_rng(seed)

    def floats(*shape: int) -> NDArray[np.float32]:
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(10.0 ** rng.integers(-3, 4))

    def places(most: int) -> NDArray[np.int32]:
        return rng.permutation(np.arange(-2, most, dtype=np.int32).clip(-1))[:ROWS]

    slots, noises = floats(8, LENGTH), floats(7, LENGTH)
    opening = {
        "x": floats(ROWS, LENGTH), "unsound": np.ones(ROWS, np.int32), "originals": floats(MASKS, LENGTH),
        "a_img": floats(ROWS), "a_z": floats(ROWS),
        "opened": places(8), "encoded": places(ROWS), "noise": places(7), "masked": places(MASKS),
        "slots": slots, "pictures": floats(ROWS, LENGTH), "noises": noises,
    }  # fmt: skip
    x0 = floats(ROWS, LENGTH)
    x0[1, -1], x0[2, 0] = np.nan, np.inf
    closing = {
        "decoding": floats(ROWS, LENGTH), "slots": slots, "unsound": np.zeros(ROWS, np.int32),
        "x0": x0,
        "alpha_next": floats(ROWS), "sigma_next": floats(ROWS), "keep_img": floats(ROWS), "keep_z": floats(ROWS),
        "decoded": places(ROWS), "kept": places(8), "noise_next": rng.integers(0, 7, ROWS).astype(np.int32),
        "masked": places(MASKS), "keep_noise": places(7),
        "noises": noises, "masks": rng.choice(np.array([0, 0.25, 0.7, 1], np.float32), (MASKS, LENGTH)),
        "originals": floats(MASKS, LENGTH),
    }  # fmt: skip
    return opening, closing


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kernel", ["open_rows", "close_rows"])
def test_the_source_does_what_the_double_does(library: ctypes.CDLL, kernel: str, seed: int) -> None:
    """Whatever the rows, kernel and double leave the very same bytes, in what they write and in what they do not."""
    arrays = case(seed)[kernel == "close_rows"]
    got, expected = on_host(library, kernel, arrays), on_double(kernel, arrays)
    for name in arrays:
        np.testing.assert_array_equal(got[name], expected[name], err_msg=name)


def test_what_is_unsound(library: ctypes.CDLL) -> None:
    """A row with a NaN or an infinity anywhere is marked, and no other."""
    _, closing = case(0)
    assert on_host(library, "close_rows", closing)["unsound"].tolist() == [0, 1, 1, 0, 0]


@pytest.mark.parametrize(
    ("source", "capability"),
    [*((SOURCE, gpu) for gpu in ((7, 5), (8, 0), (8, 9), (9, 0), (10, 0), (12, 0))), (STAND_IN, (9, 0))],
)
@pytest.mark.usefixtures("nvrtc")
def test_nvrtc_takes_them(source: Path, capability: tuple[int, int]) -> None:
    """NVRTC makes machine code of them for every architecture that there is a TensorRT for."""
    assert compile_for(source.read_text(), capability)[:4] == b"\x7fELF"


@pytest.mark.usefixtures("nvrtc")
def test_what_nvrtc_does_not_take() -> None:
    """Of source that is wrong, or an architecture that nobody knows, the error says what NVRTC said."""
    with pytest.raises(CudaError, match="expected an expression"):
        compile_for("extern int x = ;", (8, 9))
    with pytest.raises(CudaError, match=r"for sm11: .*architecture"):
        compile_for(SOURCE.read_text(), (1, 1))
