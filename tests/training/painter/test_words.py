"""What prompts say, and the words that the painter knows."""

import random

from training.looks import LOOKS
from training.painter.studio import COLOURS
from training.painter.things import things
from training.painter.words import COLOUR_WORDS, Wish, build_tokenizer, caption, look_phrases, random_wish, vocabulary
from training.tokenizer import UNKNOWN


def test_every_word_of_every_caption_is_known() -> None:
    """Captions hold no word that the tokenizer lacks but the one that stands for any."""
    rng, known = random.Random(0), set(vocabulary()) | {UNKNOWN}
    tokenizer = build_tokenizer()
    for _ in range(300):
        words = caption(random_wish(rng), rng)
        for token in tokenizer.encode(words).tokens:
            assert token in known | {"<start>", "<pad>"}, words


def test_a_caption_names_what_is_wished_for() -> None:
    """Thing, colours and look are in the words, by one of their names."""
    rng = random.Random(1)
    for _ in range(100):
        wish = random_wish(rng)
        words = caption(wish, rng)
        if wish.thing is not None:
            one = things()[wish.thing]
            assert any(name in words for name in (one.name, *one.words)), words
        if wish.behind is not None:
            assert any(name in words for name in list(COLOUR_WORDS.values())[wish.behind]), words
        if wish.look:
            assert any(name in words for name in look_phrases(wish.look)), words


def test_no_two_things_share_a_name() -> None:
    """A name means one thing, and there are two hundred things at least."""
    names = [name for one in things() for name in {one.name, *one.words}]
    assert len(names) == len(set(names)), sorted(name for name in set(names) if names.count(name) > 1)
    assert len(things()) >= 200


def test_colours_have_words() -> None:
    """Every colour that can be painted can be asked for."""
    assert list(COLOUR_WORDS) == list(COLOURS)


def test_prompts_are_read_in_any_case() -> None:
    """Capitals, accents and punctuation make no difference; what is not known is one word."""
    tokenizer = build_tokenizer()
    assert tokenizer.encode("A Fóx, WATERCOLOR!").ids == tokenizer.encode("a fox watercolor").ids
    assert tokenizer.encode("xyzzy").tokens[1] == UNKNOWN
    assert len(tokenizer.encode("fox " * 99).ids) == len(tokenizer.encode("").ids)


def test_a_wish_without_a_look_is_for_the_photograph() -> None:
    """The first look, which a prompt need not name, keeps the picture."""
    assert list(LOOKS)[Wish().look] == "photo"
