"""What tests of all packages share: the student that ships, pictures, and a server to test clients against."""

import io
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from engines.student import Student
from engines.students import load_student
from tests import standing_in as stand_in

# The pixels of a test do not depend on how many cores a machine has, and the machine stays usable. With a worker for each core
# a second thread of each would only wait for its turn, and make the first wait for it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# the smaller of the students that ship is built, and paints, several times as fast
os.environ["ALLAPRIMA_STUDENT"] = "embedded"

_LONGEST = (
    "benchmarks/siege/", "end_to_end/test_page", "engines/pytorch/test_ticks", "engines/families/stable_diffusion/test_pic",
    "engines/pytorch/", "engines/gpu/test_on_a_stub", "training/painter/test_export", "training/test_export",
    "engines/families/stable_diffusion/", "engines/upscalers/", "benchmarks/gpu/", "deploy/", "end_to_end/",
)  # fmt: skip
"""Files that take long, the longest first: one of them alone at the end would leave all other workers idle."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""

    def place(item: pytest.Item) -> int:
        name = item.nodeid.removeprefix("tests/")
        return next((number for number, start in enumerate(_LONGEST) if name.startswith(start)), len(_LONGEST))

    items.sort(key=place)


Pixels = NDArray[np.uint8]
Draw = Callable[..., Pixels]
Encode = Callable[..., bytes]


def _picture(seed: int = 0, width: int = 256, height: int = 256) -> Pixels:
    """A smooth picture of some colours: compresses well, and no two seeds look alike."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def _encoded(pixels: Pixels | None = None, seed: int = 0, image_format: str = "JPEG", **options: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(_picture(seed) if pixels is None else pixels).save(buffer, image_format, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def student() -> Student:
    """The student that ships."""
    return load_student("embedded")


@pytest.fixture(scope="session")
def picture() -> Draw:
    """`picture(seed, width, height)`: uint8 pixels."""
    return _picture


@pytest.fixture(scope="session")
def encoded() -> Encode:
    """`encoded(pixels, seed=0, image_format="JPEG")`: an image file, by Pillow and so not by the code under test."""
    return _encoded


@pytest.fixture
def standing_in() -> Any:
    """`async with standing_in(window=3, ...) as server`: a server that speaks the wire and does as it is told."""
    return stand_in.standing_in
