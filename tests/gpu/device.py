"""A device for tests, and a look into its memory."""

import pytest

from engines.errors import EngineError
from engines.gpu.cuda import Address, Bytes
from engines.gpu.driver import Driver

SOURCE = """
extern "C" __global__ void add(int* to, const int* from, int number) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    to[i] = from[i] + number * (int)(blockIdx.y + 1);
}
"""
"""A kernel, which the stub of a driver has on the host, too."""


def open_driver() -> Driver:
    """The first GPU, fresh; the test is skipped with the engine's own words where there is none."""
    try:
        return Driver()
    except EngineError as error:
        pytest.skip(str(error))


def read(driver: Driver, address: Address, size: int) -> Bytes:
    """A copy of what lies there when everything given so far is done."""
    driver.drain()
    host, stream = driver.pinned(size), driver.stream()
    driver.copy_out(host, address, stream)
    driver.drain()
    return host.copy()
