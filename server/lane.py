"""Who may paint for whom: a front end and a worker must mean the same by a student's name, and by a job."""

import hashlib
from pathlib import PurePath

from engines.choices import Choices
from engines.student import Student


def lane_of(student: Student, choices: Choices, schema: str) -> str:
    """A name that is the same wherever jobs of this schema, of this student with these choices, come out as the same pictures.

    Files count by their names: where they lie differs by machine, and a front end needs none of them.
    """
    weights = None if student.weights is None else sorted(student.weights.described().items(), key=str)
    named = None if choices.weights is None else choices.weights.name
    loras = [(path.name, weight) for path, weight in choices.loras]
    controls = [(name, PurePath(place).name) for name, place in choices.controls]
    facts = (
        student.architecture, student.width, student.height, student.contract, student.guidance, student.negative_prompt,
        weights, named, loras, choices.full_vae, student.controls, controls, _upscaler(student),
    )  # fmt: skip
    return f"{schema}-{hashlib.blake2s(repr(facts).encode(), digest_size=4).hexdigest()}"


def _upscaler(student: Student) -> object:
    """What its larger pictures depend on."""
    if (one := student.upscaler) is None:
        return None
    places = [None if place is None else PurePath(place).name for place in one.weights.described().values()]
    return one.name, one.kind, one.prompt, one.colours, one.tile, one.overlap, places
