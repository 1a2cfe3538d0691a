"""A small student on TensorRT, once: built, loaded, captured and launched. `python -m benchmarks.gpu.smallest FOLDER`"""

import sys
from pathlib import Path

from .bench import Bench
from .contestants import plain_tensorrt_painter
from .shapes import tiny_shapes
from .timing import make_pictures, settle


def main(folder: Path) -> None:
    shape = tiny_shapes()[0]
    painter = plain_tensorrt_painter(Bench("cuda", folder), shape, (1,))
    settle(painter, make_pictures(shape.pixels, 1))
    painter.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
