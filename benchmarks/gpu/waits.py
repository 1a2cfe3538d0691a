"""How often a host waits for a GPU in code that uses torch: torch's own debug mode, and the calls that it does not see."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

_SAID = "called a synchronizing CUDA operation"
"""What torch warns of in its debug mode: copies from memory that is not pinned, `.item()`, `.cpu()` and their like."""


def count_waits(run: Callable[[], None], cuda: Any) -> int:
    """Waits while `run` is called; `cuda` is the module torch.cuda. Ends of events, streams and devices that are waited
    for by name are counted by wrapping the three calls, as torch's debug mode is silent about them."""
    named = 0

    def counted(waiting: Callable[..., Any]) -> Callable[..., Any]:
        def wait(*arguments: Any, **options: Any) -> Any:
            nonlocal named
            named += 1
            with _mode(cuda, "default"):  # should some version of torch warn of it, too
                return waiting(*arguments, **options)

        return wait

    with ExitStack() as stack:
        said = stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        for owner in (cuda, cuda.Event, cuda.Stream):
            stack.enter_context(mock.patch.object(owner, "synchronize", counted(owner.synchronize)))
        with _mode(cuda, "warn"):
            run()
    return named + sum(_SAID in str(warning.message) for warning in said)


@contextmanager
def _mode(cuda: Any, mode: str) -> Iterator[None]:
    before = cuda.get_sync_debug_mode()
    cuda.set_sync_debug_mode(mode)
    try:
        yield
    finally:
        cuda.set_sync_debug_mode(before)
