from engines.fake_engine import FakeEngine
from engines.students import load_student
from training.captions import build_tokenizer
from training.contact_sheet import STILLS, contact_sheet, prompts
from training.words import STYLES


def test_every_style_is_shown_once_in_words_the_student_knows() -> None:
    assert sorted(style for style, _, _ in STILLS) == sorted(STYLES)
    tokenizer = build_tokenizer()
    assert all(1 not in tokenizer.encode(prompt).ids for prompt in prompts())


def test_the_sheet_is_filled_to_its_edges() -> None:
    sheet = contact_sheet(FakeEngine(load_student("embedded"), (8,)))
    paper = sheet.getpixel((0, 0))
    right, bottom = sheet.width - 1, sheet.height - 1
    corner = sheet.getpixel((right - 20, bottom - 24))
    assert corner != paper
    assert sheet.getpixel((right, bottom)) == paper
