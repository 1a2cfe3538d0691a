"""Engines by name. What an engine needs is imported only when that engine is asked for."""

from typing import Any

from .engine import Engine, EngineError
from .student import Student

ENGINES = ("openvino", "torch", "fake")


def make_engine(kind: str, student: Student, batch_sizes: tuple[int, ...], **options: Any) -> Engine:
    """Build or load the engine `kind` for a student. Raises EngineError with what is missing and the remedy."""
    if kind == "openvino":
        from .openvino_engine import OpenVinoEngine

        return OpenVinoEngine(student, batch_sizes, **options)
    if kind == "torch":
        try:
            from .pytorch.reference import TorchEngine
        except ImportError as error:
            raise EngineError(f"the torch engine needs its extra: pip install 'allaprima[torch]' ({error})") from error

        return TorchEngine(student, batch_sizes, **options)
    if kind == "fake":
        from .fake_engine import FakeEngine

        return FakeEngine(student, batch_sizes, **options)
    raise EngineError(f"no engine named {kind!r}; there are: {', '.join(ENGINES)}")
