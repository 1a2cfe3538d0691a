"""A device for tests, and a look into its memory."""

import pytest

from engines.errors import EngineError
from engines.gpu.cuda import Address, Bytes
from engines.gpu.driver import Driver


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
