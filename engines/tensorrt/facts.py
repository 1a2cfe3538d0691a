"""What a TensorRT build depends on, and where one lies that a device can run.

A build is four plans, serialised engines: `text.plan`, `encode.plan`, `denoise.plan` and `decode.plan`. Each has one
optimisation profile for each of `profile_sizes`, in that order, of which the batch is fixed: profile i runs the i-th size.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..build_cache import SIDECAR, Facts, is_sound
from ..digests import Digests
from ..errors import EngineError
from ..graphs import graph_files, precisions, with_weights
from ..options import TensorRtOptions
from ..ports import GRAPHS
from ..student import Student
from .flavour import Flavour
from .gpus import covers

FOLDER = "tensorrt"
"""Under the folder of all builds."""
RECIPE = "1"
"""Grows when other plans would be made of the same graphs."""

REFITTED = "refitted"
MIB = 1 << 20
"""Bytes, in which the command line has the workspace."""


def workspace_bytes(options: TensorRtOptions) -> int | None:
    return None if options.workspace is None else options.workspace * MIB


def profile_sizes(graph: str, batch_sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The batches of a graph's profiles: one prompt is encoded at a time, all else is done by ticks."""
    return (1,) if graph == "text" else tuple(sorted(batch_sizes))


def facts_of(
    student: Student,
    batch_sizes: tuple[int, ...],
    options: TensorRtOptions,
    flavour: Flavour,
    gpus: tuple[str, ...],
    digests: Digests,
) -> dict[str, str]:
    """Everything that could make plans wrong. Raises EngineError if the student has no graphs."""
    files = graph_files(student)
    computed = precisions(student, options.precision)
    return {
        "student": student.name,
        "graphs": _structure(files) if options.stripped else digests.of(*with_weights(files.values())),
        "size": f"{student.width}x{student.height}",
        "batch_sizes": ",".join(map(str, sorted(batch_sizes))),
        "precision": ",".join(f"{graph}={computed[graph]}" for graph in GRAPHS),
        "backend": flavour.backend,
        "gpu": ",".join(gpus),
        "weights": REFITTED if options.stripped else "inside",
        "plugins": "none",
        "options": f"level={options.level},workspace={workspace_bytes(options)},recipe={RECIPE}",
    }


def find_build(roots: Iterable[Path], wanted: Facts, gpu: str) -> Path | None:
    """The folder of a whole build that has these facts and covers a GPU, under folders of TensorRT builds.

    None if nothing was built for this student; raises EngineError if something was and does not fit, naming each field in
    which the nearest is off, and the command that makes one that fits.
    """
    near = [build for build in _builds(roots, wanted, (gpu,)) if build[0] or is_sound(build[1])]
    if not near:
        return None
    off, folder, built = near[0]
    if not off:
        return folder
    needed = {**wanted, "gpu": gpu}
    fields = " and ".join(f"{field} {built.get(field)!r}, not {needed[field]!r}" for field in off)
    raise EngineError(
        f"no TensorRT build of {wanted['student']} fits; the nearest, in {folder}, was built for {fields}: "
        f"{remedy(wanted, gpu)}"
    )


def fitting_build(root: Path, wanted: Facts, gpus: tuple[str, ...]) -> Path | None:
    """The folder of a whole build under `root` that has these facts and covers these GPUs, perhaps among others."""
    return next((folder for off, folder, _ in _builds((root,), wanted, gpus) if not off and is_sound(folder)), None)


def remedy(wanted: Facts, gpu: str) -> str:
    """The command that makes a build with these facts, and which flags to repeat that facts do not tell."""
    computed = {part.partition("=")[2] for part in wanted["precision"].split(",")}
    options = dict(part.split("=") for part in wanted["options"].split(","))
    flags = {
        "engine": wanted["backend"].partition(" ")[0],
        "gpu": gpu,
        "size": wanted["size"],
        "batch-sizes": wanted["batch_sizes"],
        "precision": computed.pop() if len(computed) == 1 else None,  # several are what auto chose
        "level": None if options["level"] == "None" else options["level"],
        "workspace": None if options["workspace"] == "None" else str(int(options["workspace"]) // MIB),
    }
    said = "".join(f" --{flag} {value}" for flag, value in flags.items() if value is not None)
    stripped = " --stripped" if wanted["weights"] == REFITTED else ""
    again = "--cache, --students, --weights, --lora and --full-vae as they are here"
    return f"allaprima build {wanted['student']}{said}{stripped} (with {again}, if they are given)"


def _builds(roots: Iterable[Path], wanted: Facts, gpus: tuple[str, ...]) -> list[tuple[list[str], Path, Facts]]:
    """The student's whole builds, the nearest first: in which fields each is off, where it lies, and its sidecar."""
    found = []
    for sidecar in (sidecar for root in roots for sidecar in sorted(root.glob(f"*/{SIDECAR}"))):
        try:
            built = {str(key): str(value) for key, value in dict(json.loads(sidecar.read_text())).items()}
        except (OSError, ValueError, TypeError):
            continue
        if built.get("student") != wanted["student"]:
            continue
        off = [field for field in wanted if field != "gpu" and built.get(field) != wanted[field]]
        if not all(covers(tuple(built.get("gpu", "").split(",")), gpu) for gpu in gpus):
            off.append("gpu")
        found.append((off, sidecar.parent, built))
    return sorted(found, key=lambda build: len(build[0]))


def _structure(files: Mapping[str, Path]) -> str:
    """A digest of graphs without their big weights: the same for a student with one LoRA and with another."""
    from .refit import bare_graph

    digest = hashlib.sha256()
    for path in files.values():
        digest.update(hashlib.sha256(bare_graph(path)).digest())
    return f"structure {digest.hexdigest()}"
