"""allaprima build: export and compile a student ahead of serving it."""

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import Any

from engines.choices import Choices, parse_batches, parse_lora, parse_size
from engines.engine import EngineError
from engines.factory import ENGINES, make_engine
from engines.prepare import prepare
from engines.student import load_student

from ..settings import SettingsError, load_settings

BACKENDS = tuple(name for name in ENGINES if name != "fake")


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Export a student to ONNX graphs and compile them for a backend, into the cache that `allaprima serve` uses. "
        "Weights come from the Hugging Face hub unless --weights says where they are."
    )
    parser.add_argument("name", metavar="NAME", help="student (allaprima students)")
    parser.add_argument("--backend", default="openvino", metavar="B", help=f"{', '.join(BACKENDS)} (default openvino)")
    parser.add_argument("--size", metavar="WxH", help="pixels to paint (default: the student's own)")
    parser.add_argument("--batches", metavar="1,2,4", help="tick sizes to compile (default: as serve)")
    parser.add_argument(
        "--lora", action="append", default=[], metavar="FILE:W", help="LoRA file to fuse at a weight; may repeat"
    )
    parser.add_argument(
        "--weights", type=Path, metavar="PATH", help="a file, a pipeline's or UNet's folder, a mirror of the hub"
    )
    parser.add_argument("--full-vae", action="store_true", help="the full VAE in place of the tiny one")
    for name, what in (
        ("precision", "bf16, f32 or auto (openvino)"),
        ("threads", "threads of the engine"),
        ("cache", "folder of builds"),
        ("students", "folder of your own student files"),
    ):
        parser.add_argument(f"--{name}", default=argparse.SUPPRESS, metavar="VALUE", help=f"{what}; as for serve")


def run(flags: dict[str, Any]) -> int:
    """Build; the exit status. Raises SettingsError, UnknownStudent, BadStudent, EngineError."""
    own = {key: flags.pop(key) for key in ("name", "backend", "size", "batches", "lora", "weights", "full_vae")}
    if own["backend"] not in BACKENDS:
        raise EngineError(f"no backend named {own['backend']!r}; there are: {', '.join(BACKENDS)}")
    # cache, precision and threads as serve has them, from flags and environment
    settings = load_settings({**flags, "engine": own["backend"], "student": own["name"]})
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        width, height = parse_size(own["size"]) if own["size"] else (None, None)
        loras = tuple(parse_lora(lora) for lora in own["lora"])
        batches = parse_batches(own["batches"]) if own["batches"] else settings.batch_sizes
    except ValueError as error:
        raise SettingsError(str(error)) from error
    student = load_student(own["name"], settings.folders())
    began = time.perf_counter()
    ready = prepare(student, settings.cache, Choices(width, height, own["weights"], loras, own["full_vae"]), _say)
    sizes = batches or student.default_batches(own["backend"])
    _say(f"compiling for {own['backend']}, ticks of {', '.join(map(str, sizes))}")
    engine = make_engine(own["backend"], ready, sizes, **settings.engine_options())
    engine.close()
    print(
        f"{student.name} is built at {ready.width}x{ready.height} for {own['backend']} in {time.perf_counter() - began:.0f} s"
    )
    return 0


def _say(doing: str) -> None:
    print(doing, file=sys.stderr, flush=True)
