"""A student's graphs as torch modules, read back from its ONNX files."""

from typing import Any, Protocol

from ..errors import EngineError
from ..student import Student


class Modules(Protocol):
    """A student's four graphs as torch modules, in float32."""

    @property
    def text(self) -> Any: ...
    @property
    def encode(self) -> Any: ...
    @property
    def denoise(self) -> Any: ...
    @property
    def decode(self) -> Any: ...
    def to(self, device: str) -> "Modules": ...


def read_modules(student: Student) -> Modules:
    """The modules on the CPU. Raises EngineError with the remedy if graphs are missing, damaged or of another version."""
    if student.graphs is None:
        raise EngineError(f"the student {student.name!r} has no graphs yet: allaprima build {student.name} --backend torch")
    again = "make student" if student.weights is None else f"delete {student.graphs} and build it again"
    try:
        return _read(student)
    except FileNotFoundError as error:
        raise EngineError(f"the graphs of student {student.name!r} are not whole ({error}): {again}") from error
    except (RuntimeError, KeyError) as error:
        if isinstance(error, EngineError):
            raise
        why = f"the graphs of student {student.name!r} are not of this version's networks: {again}"
        raise EngineError(why) from error


def _read(student: Student) -> Modules:
    assert student.graphs is not None
    if student.architecture == "embedded":
        from ..families.embedded.modules import read_modules as read_embedded

        return read_embedded(student.graphs)
    try:
        from ..families.stable_diffusion.build import read_modules as read_stable_diffusion
    except ImportError as error:
        raise EngineError(
            f"the torch engine of {student.name} needs the extra: pip install 'allaprima[build]' ({error})"
        ) from error
    return read_stable_diffusion(student.graphs)
