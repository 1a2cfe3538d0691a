"""The sheet of what the painter's eye sees, and of what is painted of it."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from engines.fake_engine import FakeEngine
from engines.student import Control
from engines.students import load_student
from training.painter.contact_sheet import PAPER
from training.painter.eye_sheet import PROMPTS, WIDTH, eye_sheet, paint_lines
from training.painter.words import build_tokenizer


def _engine() -> FakeEngine:
    return FakeEngine(replace(load_student("embedded"), controls=(Control("lines", "lines"),)), (8,))


def test_prompts_are_in_words_the_student_knows() -> None:
    """None of them has a word that the painter does not know."""
    assert all(1 not in build_tokenizer().encode(prompt).ids for prompts in PROMPTS for prompt in prompts)


def test_a_row_of_each_photograph() -> None:
    """Frame, lines and paintings fill a row each."""
    photograph = Image.new("RGB", (60, 40), "red")
    sheet = eye_sheet(_engine(), [photograph] * 2)
    assert sheet.width == WIDTH
    for y in (100, sheet.height - 100):
        assert all(sheet.getpixel((x, y)) != PAPER for x in (100, 350, 600, 850, 1100, 1350))


def test_what_is_painted_is_of_the_lines() -> None:
    """Other lines make another picture, from the same noise; what an engine refuses is said with its prompt."""
    blank, drawn = np.zeros((256, 256), np.uint8), np.zeros((256, 256), np.uint8)
    drawn[100:104] = 255
    (one,), (other,) = (paint_lines(_engine(), seen, ["ink"], 3) for seen in (blank, drawn))
    assert not np.array_equal(one, other)
    with pytest.raises(RuntimeError, match="'fake:error'"):
        paint_lines(_engine(), blank, ["fake:error"], 3)
