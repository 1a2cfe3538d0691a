"""The sheet of what the painter paints."""

from dataclasses import replace

from PIL import Image

from engines.fake_engine import FakeEngine
from engines.students import load_student
from training.looks import LOOKS
from training.painter.contact_sheet import PAPER, WIDTH, contact_sheet, prompts
from training.painter.words import build_tokenizer


def test_things_are_shown_in_words_the_student_knows() -> None:
    """Sixty prompts, none with a word that the painter does not know, in every look."""
    looks = list(LOOKS)
    asked = prompts(looks)
    assert len(set(asked)) == 60
    tokenizer = build_tokenizer()
    assert all(1 not in tokenizer.encode(prompt).ids for prompt in asked)
    assert {prompt.split(", ")[1] for prompt in asked} == set(looks)


def test_the_sheet_holds_looks_above_and_things_below() -> None:
    """Every look but the photograph's is on both sitters, and things fill the rows below."""
    student = replace(load_student("embedded"), styles=("ink", "neon", "photo"))
    sheet = contact_sheet(FakeEngine(student, (8,)), [Image.new("RGB", (30, 20), "red")] * 2)
    assert sheet.width == WIDTH
    assert sheet.getpixel((sheet.width - 40, sheet.height - 40)) != PAPER
    assert sheet.getpixel((100, 100)) != PAPER
    # there is no third look
    assert sheet.getpixel((500, 100)) == PAPER
