"""Families by the name that a student's file has for them. What a family needs is imported when it is used."""

from ..student import Student
from .embedded.family import EMBEDDED
from .family import Family
from .painter.family import PAINTER
from .stable_diffusion import family as stable_diffusion
from .stable_diffusion.variants import VARIANTS

FAMILIES: dict[str, Family] = {
    "embedded": EMBEDDED,
    "painter": PAINTER,
    **{name: stable_diffusion.of(variant) for name, variant in VARIANTS.items()},
}


def find_family(name: str) -> Family:
    """Raises ValueError with those that there are."""
    if name not in FAMILIES:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(FAMILIES)}")
    return FAMILIES[name]


def family_of(student: Student) -> Family:
    """A student's, whose file was found right."""
    return FAMILIES[student.architecture]
