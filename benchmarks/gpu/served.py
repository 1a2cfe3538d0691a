"""The server around an engine of the benchmark's: its sockets and sessions, and networks that no file holds.

python -m benchmarks.gpu.served --port 8000 --sizes 1,8        # then: python -m benchmarks.load --url ws://127.0.0.1:8000
"""

import argparse
import sys
import tempfile
from pathlib import Path

from engines.engine import Engine
from engines.say import Say
from server.app import make_app
from server.process import ServerProcess
from server.server import build_server
from server.settings import load_settings
from server.sockets import listen
from server.uvicorn_config import make_guard, uvicorn_config

from .bench import Bench
from .shapes import Shape, full_shapes, tiny_shapes

_FOLDER = Path(tempfile.gettempdir()) / "allaprima-benchmark"


def make_engine(shape: Shape, sizes: tuple[int, ...], bench: Bench, say: Say) -> Engine:
    """Our torch engine of the shape's networks, not warm."""
    from engines.options import TorchOptions

    from .ours import open_reference, open_torch, typed

    folder = bench.folder / shape.name
    if bench.device == "cpu":
        return open_reference(shape, bench.parts(shape), sizes, folder)
    options = TorchOptions()
    return open_torch(shape, typed(shape, bench.parts_on_cpu(shape), options, folder), options, sizes, folder, say)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks.gpu.served", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sizes", default="1,8")
    parser.add_argument("--shape", default=None, help="sd15-512 unless tiny")
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args(arguments)
    shapes = {shape.name: shape for shape in (tiny_shapes if options.tiny else full_shapes)()}
    shape = shapes[options.shape or next(iter(shapes))]
    bench = Bench(options.device, options.folder.resolve())
    # the kind of engine is one that needs no file: which one it is, is told by what makes it
    settings = load_settings(
        {"engine": "fake", "student": shape.student.name, "batch_sizes": options.sizes, "port": str(options.port)}
    )  # fmt: skip

    def make(say: Say) -> Engine:
        return make_engine(shape, settings.batch_sizes, bench, say)

    sockets = listen(settings)
    server = build_server(settings, [(shape.student, make)], on_failed=lambda: process.stop())
    guard = make_guard(settings, server.metrics)
    process = ServerProcess(uvicorn_config(make_app(server), settings, guard), server, guard)
    return process.serve_until_stopped(sockets)


if __name__ == "__main__":
    sys.exit(main())
