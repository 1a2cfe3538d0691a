"""Fixtures for tests of networks: what they compute depends on nothing that is not written in them."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Sums are added up in one order; what a module's tests share is made of the same random numbers each time, too."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Each test draws the same random numbers, whatever ran before it."""
    torch.manual_seed(0)
