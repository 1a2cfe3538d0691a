"""The students that come with us, and the reader of such files."""

from .files import STUDENTS, BadStudent, UnknownStudent, load_student, parse_student, student_names

__all__ = ["STUDENTS", "BadStudent", "UnknownStudent", "load_student", "parse_student", "student_names"]
