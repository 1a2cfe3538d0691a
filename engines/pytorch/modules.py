"""A student's graphs as torch modules, read back from its ONNX files."""

from ..errors import EngineError
from ..families import family_of
from ..families.modules import GraphModules
from ..student import Student


def read_modules(student: Student) -> GraphModules:
    """The modules on the CPU. Raises EngineError with the remedy if graphs are missing, damaged or of another version."""
    if student.graphs is None:
        raise EngineError(f"the student {student.name!r} has no graphs yet: allaprima build {student.name} --engine torch")
    again = "make student" if student.weights is None else f"delete {student.graphs} and build it again"
    try:
        return family_of(student).read_modules(student.graphs)
    except ImportError as error:
        raise EngineError(
            f"the torch engine of {student.name} needs the extra: pip install 'allaprima[build]' ({error})"
        ) from error
    except FileNotFoundError as error:
        raise EngineError(f"the graphs of student {student.name!r} are not whole ({error}): {again}") from error
    except (RuntimeError, KeyError) as error:
        if isinstance(error, EngineError):
            raise
        why = f"the graphs of student {student.name!r} are not of this version's networks: {again}"
        raise EngineError(why) from error
