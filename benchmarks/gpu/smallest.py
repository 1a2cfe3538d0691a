"""A small student on TensorRT, once: built, loaded, captured and launched. `python -m benchmarks.gpu.smallest FOLDER`"""

import sys
from pathlib import Path

from .bench import Bench
from .contestants import open_tensorrt_painter
from .shapes import tiny_shapes
from .timing import make_pictures, settle


def main(folder: Path) -> None:
    shape = tiny_shapes()[0]
    bench = Bench("cuda", folder, ((1,),))
    settle(open_tensorrt_painter(bench, shape, (1,)), make_pictures(shape.pixels, 1))
    bench.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
