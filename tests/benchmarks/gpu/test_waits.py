"""Waits of the host are counted, those that torch warns of and those that it is silent about."""

import warnings
from typing import Any

import pytest

from benchmarks.gpu.waits import count_waits


class Cuda:
    """The parts of torch.cuda that are used, with a debug mode that warns as torch's does."""

    class Event:
        def synchronize(self) -> None:
            pass

    class Stream:
        def synchronize(self) -> None:
            pass

    def __init__(self, talkative: bool) -> None:
        self._mode, self._talkative = "default", talkative

    def get_sync_debug_mode(self) -> str:
        return self._mode

    def set_sync_debug_mode(self, mode: str) -> None:
        self._mode = mode

    def copy(self) -> None:
        """As `.item()` does."""
        if self._mode == "warn":
            warnings.warn("called a synchronizing CUDA operation (at CUDAFunctions.cpp:1)", stacklevel=1)

    def synchronize(self) -> None:
        if self._talkative:
            self.copy()


@pytest.mark.parametrize("talkative", [False, True])
def test_waits_are_counted_once_each(talkative: bool) -> None:
    """Copies, and what is waited for by name; the latter once, even if a version of torch should warn of it, too."""
    cuda: Any = Cuda(talkative)

    def run() -> None:
        cuda.copy()
        cuda.copy()
        cuda.synchronize()
        cuda.Event().synchronize()
        cuda.Stream().synchronize()
        warnings.warn("something else", stacklevel=1)

    assert count_waits(run, cuda) == 5


def test_all_is_as_before() -> None:
    """The mode and the calls are put back, whatever happens."""
    cuda: Any = Cuda(False)
    waiting = cuda.Event.synchronize

    def fail() -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        count_waits(fail, cuda)
    assert cuda.get_sync_debug_mode() == "default"
    assert cuda.Event.synchronize is waiting
