import numpy as np
import pytest

from engines.gpu.cuda import ALIGNMENT
from engines.gpu.layout import LANES, Block, Layout
from engines.graphs import ports
from engines.student import Student


def test_fields_lie_apart_and_aligned() -> None:
    """Every field begins at a multiple of the alignment and no two share a byte."""
    block = Block(3, {"a": (np.float32, ()), "b": (np.uint8, (5, 2)), "c": (np.int32, (4,))})
    memory = np.zeros(block.size, np.uint8)
    for value, view in enumerate(block.views(memory).values(), 1):
        assert (view == 0).all()
        view[...] = value
    assert block.offset == {"a": 0, "b": ALIGNMENT, "c": 2 * ALIGNMENT}
    assert {name: view.shape for name, view in block.views(memory).items()} == {"a": (3,), "b": (3, 5, 2), "c": (3, 4)}
    assert [int(view.flat[0]) for view in block.views(memory).values()] == [1, 2, 3]


def test_the_front_of_a_block() -> None:
    """The front for n rows is every small field and n rows of the last one, and no more."""
    block = Block(4, {"number": (np.float32, ()), "large": (np.uint8, (100,))})
    memory = np.zeros(block.size, np.uint8)
    views = block.views(memory)
    views["number"][:] = 1
    views["large"][:3] = 2
    assert block.front(3) == np.flatnonzero(memory)[-1] + 1
    assert block.front(0) == ALIGNMENT


def test_a_students_layout(student: Student) -> None:
    """A student's shapes are the layout's, and its memory on the device is that of every block, lane and array."""
    layout = Layout.of(student, 4)
    latents = 4 * 24 * 32 * 32
    memory = layout.device_memory()
    assert (layout.latent_bytes, layout.length) == (latents, latents // 4)
    assert memory["slots"] == 256 * latents
    assert memory["x"] == memory["idle"] == 4 * latents
    assert memory["pictures"] == 4 * 256 * 256 * 3
    assert sum("lane" in name for name in memory) == 4 * LANES


def test_room_for_two_ticks(student: Student) -> None:
    """However large the ticks, there is room for the slots and noises of two."""
    large = Layout.of(student, 200)
    assert (large.slots, large.noises, large.masked) == (400, 800, 800)
    with pytest.raises(ValueError, match="16 noises"):
        Layout(4, ports(student), slots=8, noises=15)
    with pytest.raises(ValueError, match="8 slots"):
        Layout(4, ports(student), slots=7, noises=16)
    with pytest.raises(ValueError, match="8 masks"):
        Layout(4, ports(student), masked=7)
