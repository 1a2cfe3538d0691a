import random
import subprocess
import sys
from itertools import permutations, product

import pytest

from engines.families.embedded.shapes import TOKENS
from engines.students import load_student
from training.captions import (
    Wish,
    build_tokenizer,
    random_wish,
    repaint_caption,
    scene_caption,
)
from training.styles import FILTERS
from training.words import COLOURS, SHAPES, STYLE_WORDS, STYLES


def every_wish() -> list[Wish]:
    return [Wish(style, shape, *colours) for style, shape, colours in product(STYLES, SHAPES, permutations(COLOURS, 2))]


def test_a_held_out_wish_is_never_drawn() -> None:
    rng = random.Random(0)
    assert not any(random_wish(rng).held_out for _ in range(5000))


def test_about_an_eleventh_of_everything_is_held_out() -> None:
    wishes = every_wish()
    assert sum(w.held_out for w in wishes) / len(wishes) == pytest.approx(1 / 11, abs=0.01)


def test_every_word_is_held_out_with_some_and_trained_with_others() -> None:
    wishes = every_wish()
    for field, words in (("style", STYLES), ("shape", SHAPES), ("colour", COLOURS), ("background", COLOURS)):
        for word in words:
            kinds = {w.held_out for w in wishes if getattr(w, field) == word}
            assert kinds == {True, False}


def test_a_wish_that_leaves_something_open_is_not_held_out() -> None:
    assert not any(Wish(w.style, None, w.colour, w.background).held_out for w in every_wish()[:500])


def test_colours_of_a_wish_differ() -> None:
    rng = random.Random(1)
    wishes = [random_wish(rng) for _ in range(2000)]
    assert all(w.colour != w.background for w in wishes if w.colour)
    assert {w.shape for w in wishes} == {*SHAPES, None}


def test_a_caption_says_all_that_is_wished() -> None:
    rng = random.Random(2)
    for _ in range(500):
        wish = random_wish(rng)
        caption = scene_caption(wish, rng)
        for word in (wish.shape, wish.colour, wish.background):
            assert word is None or word in caption.split() or f"{word}," in caption
        if wish.style != "photo":
            assert any(words in caption for words in STYLE_WORDS[wish.style])


def test_a_repaint_caption_names_its_style() -> None:
    rng = random.Random(3)
    for style in STYLES:
        if style != "photo":
            captions = [repaint_caption(style, rng) for _ in range(50)]
            assert all(any(words in caption for words in STYLE_WORDS[style]) for caption in captions)


def test_no_phrase_of_one_style_is_another_styles() -> None:
    phrases = [phrase for phrases in STYLE_WORDS.values() for phrase in phrases]
    assert len(phrases) == len(set(phrases))
    assert set(FILTERS) == set(STYLES)


def test_tokens_are_padded_and_cut() -> None:
    tokenizer = build_tokenizer()
    short, long = tokenizer.encode("a red heart").ids, tokenizer.encode("red " * 100).ids
    assert len(short) == len(long) == TOKENS
    assert short[0] == tokenizer.token_to_id("<start>") == 2
    assert short[4:] == [0] * (TOKENS - 4)
    assert 0 not in long


@pytest.mark.parametrize("written", ["A Red  Heart!", "a réd, heart.", "a\tred\nheart"])
def test_spelling_does_not_matter(written: str) -> None:
    tokenizer = build_tokenizer()
    assert tokenizer.encode(written).ids == tokenizer.encode("a red heart").ids


def test_unknown_words_and_empty_prompts_are_well_formed() -> None:
    tokenizer = build_tokenizer()
    assert tokenizer.encode("").ids == [2] + [0] * (TOKENS - 1)
    assert tokenizer.encode("zyzzyva red").ids[:3] == [2, 1, tokenizer.token_to_id("red")]
    assert len(tokenizer.encode("\x00 \U0001f600 " + "ж" * 10_000).ids) == TOKENS


def test_no_word_of_a_caption_is_unknown() -> None:
    tokenizer, rng = build_tokenizer(), random.Random(4)
    for wish in every_wish()[::37]:
        known = f"a {wish.colour} {wish.shape} on a {wish.background} background, {rng.choice(STYLE_WORDS[wish.style])}"
        assert 1 not in tokenizer.encode(known).ids, known


def test_the_students_file_names_the_same_styles() -> None:
    student = load_student("embedded")
    assert set(student.styles) == set(STYLES)
    tokenizer = build_tokenizer()
    assert all(1 not in tokenizer.encode(text).ids for text in (*student.styles, *student.suggestions))


def test_words_need_no_pictures() -> None:
    code = "import sys, training.captions; print([name for name in ('torch', 'PIL', 'skimage') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
