"""Engines by name. What an engine needs is imported only when that engine is asked for."""

import logging
from typing import Any

from .engine import Engine
from .errors import EngineError
from .say import Say
from .student import Student

log = logging.getLogger(__name__)

TENSORRT = ("tensorrt", "tensorrt_rtx")
"""The first is whichever TensorRT is installed, the second TensorRT-RTX."""
ENGINES = ("openvino", *TENSORRT, "torch", "fake")


def make_engine(kind: str, student: Student, batch_sizes: tuple[int, ...], say: Say = log.info, **options: Any) -> Engine:
    """Build or load the engine `kind` for a student. Raises EngineError with what is missing and the remedy.

    `say` is told of what takes long. `options` are what the engine of that kind takes beside.
    """
    if kind == "openvino":
        from .openvino_engine import OpenVinoEngine

        return OpenVinoEngine(student, batch_sizes, **options)
    if kind in TENSORRT:
        from .tensorrt.opening import open_engine

        return open_engine(student, batch_sizes, flavour=tensorrt_flavour(kind), say=say, **options)
    if kind == "torch":
        return _torch(student, batch_sizes, say, **options)
    if kind == "fake":
        return _fake(student, batch_sizes, **options)
    raise EngineError(f"no engine named {kind!r}; there are: {', '.join(ENGINES)}")


def tensorrt_flavour(kind: str) -> str | None:
    """The flavour of TensorRT that a kind of engine insists on; None is whichever is installed."""
    return None if kind == "tensorrt" else kind


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


def _fake(student: Student, batch_sizes: tuple[int, ...], overlap: bool = False, **options: Any) -> Engine:
    if overlap:
        from .fake_device import FakeDevice

        return FakeDevice(student, batch_sizes, **options)
    from .fake_engine import FakeEngine

    return FakeEngine(student, batch_sizes, **options)


def _torch(student: Student, batch_sizes: tuple[int, ...], say: Say, device: int | None = None, **options: Any) -> Engine:
    """The reference on a CPU; on the GPU with this number the engine made for it, which takes `options`."""
    try:
        if device is None:
            from .pytorch.reference import TorchEngine
        else:
            from .pytorch.opening import open_engine
    except ImportError as error:
        raise EngineError(f"the torch engine needs its extra: pip install 'allaprima[torch]' ({error})") from error
    if device is None:
        return TorchEngine(student, batch_sizes)
    return open_engine(student, batch_sizes, device=device, say=say, **options)
