"""allaprima students: what can be served, by which numbers, and what is built."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from engines.build_cache import list_builds
from engines.families import family_of
from engines.student import Student
from engines.students import load_student, student_names

from ..settings import Settings, load_settings


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "List the students: architecture, steps, img2img, licence, and what they are built for."
    parser.add_argument("--json", action="store_true", help="everything, with the seven numbers of each step, as JSON")
    for name, what in (("cache", "folder of builds"), ("students", "folder of your own student files")):
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, metavar="VALUE", help=f"{what}; as for serve")


def run(flags: dict[str, Any]) -> int:
    """Print the list; the exit status. Raises SettingsError, BadStudent."""
    as_json = flags.pop("json")
    settings = load_settings(flags)
    students = [load_student(name, settings.folders()) for name in student_names(settings.folders())]
    builds = _builds(settings)
    if as_json:
        print(json.dumps([_described(student, builds.get(student.name, [])) for student in students], indent=2))
    else:
        print(_table(students, builds))
    return 0


def _builds(settings: Settings) -> dict[str, list[str]]:
    """What is compiled, by student: the graphs that lie beside are no use without."""
    found: dict[str, list[str]] = {}
    for facts in list_builds(settings.cache):
        if "batch_sizes" in facts:
            backend = facts.get("backend", "?").split(" ")[0]
            what = f"{backend} {facts.get('size', '?')} ticks of {facts['batch_sizes']} {_precision(facts)}".strip()
            gpus = f" for {facts['gpu'].replace(',', ', ')}" if "gpu" in facts else ""
            found.setdefault(facts.get("student", "?"), []).append(what + gpus)
    return found


def _precision(facts: Mapping[str, str]) -> str:
    """One word where all graphs are of one precision."""
    said = facts.get("precision", "")
    each = {part.partition("=")[2] for part in said.split(",")}
    return each.pop() if "=" in said and len(each) == 1 else said


def _described(student: Student, built: list[str]) -> dict[str, Any]:
    contract = student.contract
    return {
        "name": student.name,
        "title": student.title,
        "licence": student.licence,
        "source": student.source,
        "architecture": student.architecture,
        "width": student.width,
        "height": student.height,
        "txt2img": [asdict(step) for step in contract.still()] if student.txt2img else None,
        "img2img": {
            "strengths": contract.strengths,
            "known": contract.known_strengths(),
            "default": student.strength,
            "steps": [asdict(step) for step in contract.repaint(student.strength)],
        }
        if student.img2img
        else None,
        "eyes": [sight.name for sight in student.sights],
        "upscaler": _upscaler(student),
        "guidance": asdict(student.guidance) if student.guidance else None,
        "weights": student.weights.described() if student.weights else None,
        "built": built,
    }


def _upscaler(student: Student) -> dict[str, Any] | None:
    one = student.upscaler
    return None if one is None else {**asdict(one), "weights": one.weights.described()}


def _table(students: list[Student], builds: dict[str, list[str]]) -> str:
    rows = [("NAME", "ARCHITECTURE", "SIZE", "STEPS", "IMG2IMG", "LICENCE")]
    for student in students:
        known = ", ".join(f"{strength:g}" for strength in student.contract.known_strengths())
        img2img = {"any": "any strength", "levels": f"strength {known}", "none": "no"}[student.contract.strengths]
        img2img = img2img if student.txt2img else "only"
        architecture = family_of(student).title
        size, steps = f"{student.width}x{student.height}", str(len(student.contract.times))
        rows.append((student.name, architecture, size, steps, img2img, student.licence))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = []
    for row in rows:
        lines.append("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))
        lines += [f"    built: {built}" for built in builds.get(row[0], [])]
    return "\n".join(lines)
