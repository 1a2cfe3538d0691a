"""Engines by name. What an engine needs is imported only when that engine is asked for."""

import logging
from pathlib import Path
from typing import Any, TypeVar

from .engine import Engine
from .errors import EngineError
from .options import (
    TENSORRT,
    EngineOptions,
    FakeOptions,
    OpenVinoOptions,
    ReferenceOptions,
    TensorRtOptions,
    TorchOptions,
    options_of,
)
from .say import Say
from .student import Student

log = logging.getLogger(__name__)

Options = TypeVar("Options", bound=EngineOptions)


def make_engine(
    kind: str,
    student: Student,
    batch_sizes: tuple[int, ...],
    options: EngineOptions | None = None,
    *,
    cache: Path | None = None,
    device: int | None = None,
    prebuilt: Path | None = None,
    say: Say = log.info,
) -> Engine:
    """Build or load the engine `kind` for a student. Raises EngineError with what is missing and the remedy.

    `options` are of that engine on that device, the GPU with this number or the processor; None is what it does unasked.
    `cache` is the folder of all builds, which only the fake engine and torch on a processor do without; `prebuilt` is laid
    out alike, and only read. `say` is told of what takes long.
    """
    given: Any = options_of(kind, device)() if options is None else options
    if not isinstance(given, options_of(kind, device)):
        raise EngineError(
            f"{type(given).__name__} are not of the engine {kind} on {'a GPU' if device is not None else 'a CPU'}"
        )
    match given:
        case FakeOptions():
            return _fake(student, batch_sizes, given)
        case ReferenceOptions() | TorchOptions():
            return _torch(student, batch_sizes, given, cache, device, say)
        case OpenVinoOptions():
            from .openvino_engine import FOLDER, OpenVinoEngine

            return OpenVinoEngine(student, batch_sizes, _needed(cache) / FOLDER, given)
        case TensorRtOptions():
            from .tensorrt.opening import open_engine

            flavour = tensorrt_flavour(kind)
            return open_engine(student, batch_sizes, _needed(cache), flavour, device or 0, given, say, prebuilt)
    raise AssertionError(kind)


def tensorrt_flavour(kind: str) -> str | None:
    """The flavour of TensorRT that a kind of engine insists on; None is whichever is installed."""
    return None if kind == TENSORRT[0] else kind


def check_engine(kind: str, device: int | None) -> None:
    """Raises EngineError if the library of an engine, or the GPU with this number, is missing; None is no GPU.

    So that it is known before the graphs of a student are exported, which takes minutes.
    """
    if device is None:
        return
    if kind in TENSORRT:
        from .tensorrt.flavour import find_flavour

        find_flavour(tensorrt_flavour(kind))
    from .gpu.driver import Driver

    Driver(device).close()


def _needed(cache: Path | None) -> Path:
    assert cache is not None, "a folder of builds"
    return cache


def _fake(student: Student, batch_sizes: tuple[int, ...], options: FakeOptions) -> Engine:
    if options.overlap:
        from .fake_device import FakeDevice

        return FakeDevice(
            student, batch_sizes, options.tick_seconds, options.row_seconds, gate=options.gate, copies=options.copies
        )
    from .fake_engine import FakeEngine

    return FakeEngine(student, batch_sizes, options.tick_seconds, options.row_seconds, options.gate, options.copies)


def _torch(
    student: Student,
    batch_sizes: tuple[int, ...],
    options: ReferenceOptions | TorchOptions,
    cache: Path | None,
    device: int | None,
    say: Say,
) -> Engine:
    """The reference on a processor; on a GPU the engine made for it."""
    try:
        if isinstance(options, ReferenceOptions):
            from .pytorch.reference import TorchEngine

            return TorchEngine(student, batch_sizes)
        from .pytorch.opening import open_engine
    except ImportError as error:
        raise EngineError(f"the torch engine needs its extra: pip install 'allaprima[torch]' ({error})") from error
    return open_engine(student, batch_sizes, _needed(cache), device or 0, options, say)
