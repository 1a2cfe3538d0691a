"""allaprima build: export and compile a student ahead of serving it."""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engines.choices import Choices, parse_batches, parse_lora, parse_size
from engines.errors import EngineError
from engines.factory import ENGINES, TENSORRT, check_engine, make_engine, tensorrt_flavour
from engines.prepare import prepare, sized
from engines.student import Student
from engines.students import load_student
from engines.tensorrt.flavour import EXTRAS
from engines.tensorrt.gpus import choose_target, parse_gpus

from ..settings import Settings, SettingsError, load_settings

BACKENDS = tuple(name for name in ENGINES if name != "fake")

_OF_TENSORRT = ("gpu", "level", "workspace", "stripped")
_AS_SERVE = (
    ("device", "cpu, or cuda:N (torch)"),
    ("precision", "fp16, bf16, fp32 or auto"),
    ("threads", "threads of the engine (openvino)"),
    ("level", "0 to 5: how long the builder looks for faster kernels (tensorrt)"),
    ("workspace", "MiB of device memory that one layer may have for scratch (tensorrt)"),
    ("cache", "folder of builds"),
    ("students", "folder of your own student files"),
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Export a student to ONNX graphs and compile them for a backend, into the cache that `allaprima serve` uses. "
        "Weights come from the Hugging Face hub unless --weights says where they are."
    )
    parser.add_argument("name", metavar="NAME", help="student (allaprima students)")
    parser.add_argument("--backend", default="openvino", metavar="B", help=f"{', '.join(BACKENDS)} (default openvino)")
    parser.add_argument("--gpu", metavar="SM,SM", help="tensorrt: GPUs to build for, sm86,sm89 or ampere+ (default: this one)")
    parser.add_argument("--size", metavar="WxH", help="pixels to paint (default: the student's own); several with commas")
    parser.add_argument("--batches", metavar="1,2,4", help="tick sizes to compile (default: as serve)")
    parser.add_argument(
        "--lora", action="append", default=[], metavar="FILE:W", help="LoRA file to fuse at a weight; may repeat"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="PATH", help="a file, a pipeline's or UNet's folder, a mirror of the hub"
    )
    parser.add_argument("--full-vae", action="store_true", help="the full VAE in place of the tiny one")
    parser.add_argument(
        "--stripped", action="store_const", const="true", default=argparse.SUPPRESS, help="tensorrt: plans without weights"
    )
    for name, what in _AS_SERVE:
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, metavar="VALUE", help=f"{what}; as for serve")


def run(flags: dict[str, Any]) -> int:
    """Build; the exit status. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    own = {key: flags.pop(key) for key in ("name", "backend", "gpu", "size", "batches", "lora", "weights", "full_vae")}
    backend = own["backend"]
    if backend not in BACKENDS:
        raise EngineError(f"no backend named {backend!r}; there are: {', '.join(BACKENDS)}")
    given = {**flags, "gpu": own["gpu"]}
    if backend not in TENSORRT and (strange := [name for name in _OF_TENSORRT if given.get(name) is not None]):
        raise SettingsError(f"--{strange[0]} is for --backend tensorrt: {backend} has no such choice")
    # all else as serve has it, from flags and environment
    settings = load_settings({**flags, "engine": backend, "student": own["name"]})
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        sizes = [parse_size(size) for size in own["size"].split(",")] if own["size"] else [(None, None)]
        loras = tuple(parse_lora(lora) for lora in own["lora"])
        batches = parse_batches(own["batches"]) if own["batches"] else settings.batch_sizes
        gpus = parse_gpus(own["gpu"]) if own["gpu"] is not None else ()
    except ValueError as error:
        raise SettingsError(str(error)) from error
    student = load_student(own["name"], settings.folders())
    batches = batches or student.default_batches(backend)
    choices = [Choices(width, height, own["weights"], loras, own["full_vae"]) for width, height in sizes]
    for choice in choices:
        sized(student, choice)  # before the first of several is built
    build = _with_tensorrt(settings, gpus) if backend in TENSORRT else _with_engine(settings)
    for choice in choices:
        began = time.perf_counter()
        ready = prepare(student, settings.cache, choice, _say)
        built_for, what = build(ready, batches)
        seconds = time.perf_counter() - began
        print(f"{student.name} is built at {ready.width}x{ready.height} for {built_for} in {seconds:.0f} s{what}")
    return 0


Build = Callable[[Student, tuple[int, ...]], tuple[str, str]]
"""Build a prepared student for tick sizes; what it is built for, and what more there is to say."""


def _with_tensorrt(settings: Settings, gpus: tuple[str, ...]) -> Build:
    # before graphs are exported, which takes minutes
    flavour, targets = choose_target(tensorrt_flavour(settings.engine), gpus)
    try:
        from engines.tensorrt.build.plans import build_plans
    except ImportError as error:
        raise EngineError(f"what builds for {flavour.title} is not whole here ({error}): {EXTRAS}") from error

    def build(student: Student, batches: tuple[int, ...]) -> tuple[str, str]:
        folder = build_plans(student, batches, settings.cache, targets, _say, settings.plan_options(), flavour)
        size = sum(plan.stat().st_size for plan in folder.glob("*.plan"))
        return f"{flavour.title} on {', '.join(targets)}", f": {size / 1e6:.0f} MB in {folder}"

    return build


def _with_engine(settings: Settings) -> Build:
    check_engine(settings.engine, settings.gpu())

    def build(student: Student, batches: tuple[int, ...]) -> tuple[str, str]:
        _say(f"compiling for {settings.engine}, ticks of {', '.join(map(str, batches))}")
        engine = make_engine(settings.engine, student, batches, _say, **settings.engine_options())
        if settings.gpu() is not None:
            engine.warm_up()  # where torch compiles
        engine.close()
        return settings.engine, ""

    return build


def _say(doing: str) -> None:
    print(doing, file=sys.stderr, flush=True)
