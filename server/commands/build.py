"""allaprima build: export and compile a student ahead of serving it."""

import argparse
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from engines.choices import parse_size
from engines.errors import EngineError
from engines.factory import check_engine, make_engine, tensorrt_flavour
from engines.options import ENGINES, TENSORRT, TensorRtOptions, all_choices
from engines.prepare import chosen, prepare
from engines.student import Student
from engines.students import load_student
from engines.tensorrt.flavour import EXTRAS
from engines.tensorrt.gpus import choose_target, parse_gpus
from engines.upscalers.opening import open_enlarger
from engines.upscalers.plans import build_plan
from engines.upscalers.prepare import check_upscaler, prepare_upscaler

from ..settings import Settings, SettingsError, add_flags, load_settings
from ..upscaling import place_of

BUILT = tuple(name for name in ENGINES if name != "fake")

_AS_SERVE = (
    "engine", "device", "batch_sizes", "weights", "lora", "control", "upscaler", "full_vae", "cache", "students",
    *all_choices(),
)  # fmt: skip
_OLD = {"backend": "engine", "batches": "batch_sizes"}
"""Flags by the names that they had before they were called as for serve."""


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Export a student to ONNX graphs and compile them for an engine, into the cache that `allaprima serve` uses. "
        "Weights come from the Hugging Face hub unless --weights says where they are."
    )
    parser.add_argument("name", metavar="NAME", help="student (allaprima students)")
    parser.add_argument("--gpu", metavar="SM,SM", help="tensorrt: GPUs to build for, sm86,sm89 or ampere+ (default: this one)")
    parser.add_argument("--size", metavar="WxH", help="pixels to paint (default: the student's own); several with commas")
    add_flags(parser, _AS_SERVE)
    for old, new in _OLD.items():
        parser.add_argument(f"--{old}", dest=new, default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(flags: dict[str, Any]) -> int:
    """Build; the exit status. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    name, gpu, size = (flags.pop(key) for key in ("name", "gpu", "size"))
    # all else as serve has it, from flags and environment
    settings = load_settings({**flags, "student": name})
    if settings.engine not in BUILT:
        raise EngineError(f"nothing is built for an engine {settings.engine!r}; engines are: {', '.join(BUILT)}")
    if gpu is not None and settings.engine not in TENSORRT:
        raise SettingsError(f"--gpu is for --engine {' or '.join(TENSORRT)}: {settings.engine} has no such choice")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    if (said := settings.prepare_cache()) is not None:
        _say(said)
    try:
        sizes = [parse_size(one) for one in size.split(",")] if size else [(None, None)]
        gpus = parse_gpus(gpu) if gpu is not None else ()
    except ValueError as error:
        raise SettingsError(str(error)) from error
    student = load_student(name, settings.folders())
    choices = [replace(settings.choices(), width=width, height=height) for width, height in sizes]
    for choice in choices:
        check_upscaler(chosen(student, choice))  # before the first of several is built
    build, upscale = _with_tensorrt(settings, gpus) if settings.engine in TENSORRT else _with_engine(settings)
    for choice in choices:
        began = time.perf_counter()
        ready = prepare(student, settings.cache, choice, _say)
        built_for, what = build(ready, settings.sizes_for(student))
        if ready.upscaler is not None:
            _say(f"building the upscaler {ready.upscaler.name}")
            upscale(ready)
        seconds = time.perf_counter() - began
        print(f"{student.name} is built at {ready.width}x{ready.height} for {built_for} in {seconds:.0f} s{what}")
    return 0


Build = Callable[[Student, tuple[int, ...]], tuple[str, str]]
"""Build a prepared student for tick sizes; what it is built for, and what more there is to say."""


Upscale = Callable[[Student], None]
"""Build the upscaler of a prepared student."""


def _with_tensorrt(settings: Settings, gpus: tuple[str, ...]) -> tuple[Build, Upscale]:
    # before graphs are exported, which takes minutes
    flavour, targets = choose_target(tensorrt_flavour(settings.engine), gpus)
    try:
        from engines.tensorrt.build.plans import build_plans
    except ImportError as error:
        raise EngineError(f"what builds for {flavour.title} is not whole here ({error}): {EXTRAS}") from error

    def build(student: Student, batches: tuple[int, ...]) -> tuple[str, str]:
        options = settings.engine_options()
        assert isinstance(options, TensorRtOptions)
        folder = build_plans(student, batches, settings.cache, targets, _say, options, flavour)
        size = sum(plan.stat().st_size for plan in folder.glob("*.plan"))
        return f"{flavour.title} on {', '.join(targets)}", f": {size / 1e6:.0f} MB in {folder}"

    def upscale(student: Student) -> None:
        upscaler, options = student.upscaler, settings.engine_options()
        assert upscaler is not None
        assert isinstance(options, TensorRtOptions)
        folder, shape = prepare_upscaler(upscaler, student, settings.cache, _say)
        build_plan(upscaler.name, folder, shape, (settings.cache,), targets, options, flavour, _say)

    return build, upscale


def _with_engine(settings: Settings) -> tuple[Build, Upscale]:
    check_engine(settings.engine, settings.gpu())

    def build(student: Student, batches: tuple[int, ...]) -> tuple[str, str]:
        _say(f"compiling for {settings.engine}, ticks of {', '.join(map(str, batches))}")
        options, gpu = settings.engine_options(), settings.gpu()
        engine = make_engine(settings.engine, student, batches, options, cache=settings.cache, device=gpu, say=_say)
        if settings.gpu() is not None:
            engine.warm_up()  # where torch compiles
        engine.close()
        return settings.engine, ""

    def upscale(student: Student) -> None:
        open_enlarger(student, place_of(settings), _say).close()

    return build, upscale


def _say(doing: str) -> None:
    print(doing, file=sys.stderr, flush=True)
