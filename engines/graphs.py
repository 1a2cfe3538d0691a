"""A student's four graphs: their files, their ports, and what a GPU computes each of them in."""

from collections.abc import Iterable
from pathlib import Path

from .errors import EngineError
from .families import family_of
from .ports import GRAPHS, Ports
from .student import Student


def ports(student: Student) -> Ports:
    """Inputs and outputs of the student's graphs, by graph and name."""
    return family_of(student).ports(student)


def graph_files(student: Student) -> dict[str, Path]:
    """The student's graphs by name. Raises EngineError if it has none, or not all."""
    folder = student.graphs
    if folder is None:
        raise EngineError(f"the student {student.name!r} has no graphs yet: allaprima build {student.name}")
    files = {name: folder / f"{name}.onnx" for name in GRAPHS}
    if missing := [path.name for path in files.values() if not path.exists()]:
        raise EngineError(
            f"the student {student.name!r} lacks {', '.join(missing)} in {folder}: reinstall, or delete the folder and build "
            f"again"
        )
    return files


def with_weights(files: Iterable[Path]) -> list[Path]:
    """Graph files, and beside each that of its big weights where it has one."""
    return [path for file in files for path in (file, file.with_name(f"{file.name}.data")) if path.exists()]


def precisions(student: Student, asked: str) -> dict[str, str]:
    """Graph to the precision that it is computed in, for one that was asked for."""
    chosen = dict.fromkeys(GRAPHS, "fp16" if asked == "auto" else asked)
    if asked == "auto" and student.graphs is not None:
        # bf16 is right for every network
        chosen |= dict.fromkeys(family_of(student).overflowing(student.graphs), "bf16")
    return chosen
