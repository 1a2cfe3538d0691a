"""Memory that large pictures leave behind, given back to the system."""

import ctypes
from collections.abc import Callable


def _trim() -> Callable[[int], int] | None:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # only glibc has it, and only glibc needs it
        return None
    trim.argtypes, trim.restype = [ctypes.c_size_t], ctypes.c_int
    return trim


_TRIM = _trim()


def give_back() -> None:
    """Let glibc return what it keeps of freed memory. Takes a millisecond or so, without the interpreter's lock."""
    if _TRIM is not None:
        _TRIM(0)
