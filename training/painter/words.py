"""What prompts say, in many wordings, and the tokenizer for them."""

import json
import random
from collections.abc import Collection
from dataclasses import dataclass

from tokenizers import Tokenizer

from engines.families.painter.shapes import TOKENS
from training.looks import LOOKS
from training.tokenizer import UNKNOWN, word_tokenizer

from .studio import COLOURS
from .things import things

SUBJECTS = (
    "person", "face", "portrait", "man", "woman", "boy", "girl", "child", "people", "room", "street", "forest", "sea", "sky",
    "garden", "table", "hand", "eyes", "smile", "picture", "image", "view", "scene", "me", "us", "selfie", "friends", "family",
)  # fmt: skip
"""What a photograph may show that is to be repainted. None of them is a thing that can be painted from noise."""

FILLERS = (
    "a", "an", "the", "of", "in", "with", "and", "on", "at", "by", "as", "from", "for", "to", "is", "this", "my", "style",
    "painting", "art", "artwork", "print", "background", "backdrop", "beautiful", "highly", "very", "detailed", "best",
    "quality", "masterpiece", "4k", "drawn", "made", "painted", "soft", "bright", "dark", "colorful", "colourful", "simple",
    "cute", "big", "small", "little", "large", "old", "young", "happy", "night", "day", "light", "sunny", "front", "before",
    "behind", "sitting", "standing", "flying", "running", "some", "two", "one", "looking",
)  # fmt: skip

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    "red": ("red", "crimson", "scarlet"),
    "orange": ("orange",),
    "yellow": ("yellow",),
    "green": ("green", "emerald"),
    "cyan": ("cyan", "turquoise", "teal"),
    "blue": ("blue",),
    "purple": ("purple", "violet"),
    "pink": ("pink", "magenta"),
    "brown": ("brown",),
    "white": ("white",),
    "grey": ("grey", "gray", "silver"),
    "black": ("black",),
}

LIKELY = 0.8
"""How often a caption asks for a look."""


@dataclass(frozen=True)
class Wish:
    """What a prompt asks for, as numbers; None where it says nothing. Without a look it is the first: the photograph."""

    look: int = 0
    thing: int | None = None
    colour: int | None = None
    behind: int | None = None


def _words(name: str) -> list[str]:
    """A phrase as the tokenizer sees it."""
    return "".join(c if c.isalnum() else " " for c in name.lower()).split()


def look_phrases(look: int) -> tuple[str, ...]:
    one = LOOKS[list(LOOKS)[look]]
    return (one.name, *one.words)


def _any_of(rng: random.Random, *choices: str) -> str:
    return rng.choice(choices)


def _colour(colour: int, rng: random.Random) -> str:
    words = list(COLOUR_WORDS.values())[colour]
    return words[0] if rng.random() < 0.6 else rng.choice(words)


def _noise(rng: random.Random) -> str:
    known = FILLERS + (UNKNOWN,) * 30
    return " ".join(rng.choice(known) for _ in range(rng.randrange(1, 5)))


def _look(look: int, rng: random.Random) -> str:
    words = rng.choice(look_phrases(look)) if rng.random() < 0.6 else look_phrases(look)[0]
    return _any_of(rng, words, words, words + " style", "in the style of " + words, words + " art", words + " painting")


def _thing(wish: Wish, rng: random.Random) -> str:
    assert wish.thing is not None
    one = things()[wish.thing]
    name = one.name if rng.random() < 0.5 or not one.words else rng.choice(one.words)
    if rng.random() < 0.1 and not name.endswith("s"):
        name += "s"
    own = "" if wish.colour is None else _colour(wish.colour, rng) + " "
    article = _any_of(rng, "a ", "a ", "an ", "the ", "", "one ", "my ")
    extra = _any_of(rng, "", "", "", "", "cute ", "big ", "small ", UNKNOWN + " ")
    return article + extra + own + name


def _behind(behind: int, rng: random.Random) -> str:
    colour = _colour(behind, rng)
    return _any_of(
        rng, f"on a {colour} background", f"on {colour}", f"{colour} background", f"with a {colour} background",
        f"before a {colour} background", f"in front of a {colour} background", f"against a {colour} backdrop",
    )  # fmt: skip


def random_wish(rng: random.Random) -> Wish:
    thing = rng.randrange(len(things())) if rng.random() < 0.75 else None
    return Wish(
        look=rng.randrange(len(LOOKS)) if rng.random() < LIKELY else 0,
        thing=thing,
        colour=rng.randrange(len(COLOURS)) if thing is not None and rng.random() < 0.35 else None,
        behind=rng.randrange(len(COLOURS)) if rng.random() < 0.4 else None,
    )


def caption(wish: Wish, rng: random.Random) -> str:
    """A sentence that asks for it, in one of many wordings."""
    parts = []
    if wish.thing is not None:
        parts.append(_thing(wish, rng))
    elif rng.random() < 0.6:
        subject = rng.choice((*SUBJECTS, UNKNOWN, UNKNOWN, f"{UNKNOWN} {UNKNOWN}"))
        parts.append(_any_of(rng, "a ", "the ", "") + subject)
    if wish.behind is not None:
        parts.append(_behind(wish.behind, rng))
    look = _look(wish.look, rng) if wish.look or rng.random() < 0.3 else ""
    middle = _any_of(rng, " ", " ", ", ").join(parts)
    if not look:
        words = middle
    elif not middle:
        words = look
    else:
        after = f"{middle}, {look}"
        words = _any_of(rng, after, after, f"{look} of {middle}", f"{look}, {middle}", f"{middle} {look}")
    if rng.random() < 0.25:
        words = _any_of(rng, f"{words}, {_noise(rng)}", f"{_noise(rng)} {words}")
    return words


def vocabulary(looks: Collection[str] = tuple(LOOKS)) -> list[str]:
    """Every word that a tokenizer knows which knows of these looks."""
    phrases = [p for look, name in enumerate(LOOKS) if name in looks for p in look_phrases(look)]
    phrases += [p for one in things() for p in (one.name, *one.words)]
    phrases += [w for words in COLOUR_WORDS.values() for w in words]
    words = {w for p in (*phrases, *SUBJECTS, *FILLERS) for w in _words(p)}
    words |= {w + "s" for one in things() for p in (one.name, *one.words) for w in _words(p)[-1:] if not w.endswith("s")}
    return sorted(words)


def build_tokenizer(looks: Collection[str] = tuple(LOOKS)) -> Tokenizer:
    """A word-level tokenizer over `vocabulary`: lower case, accents and punctuation gone.

    A word has the same number whatever the looks are, so that what was trained to read all of them reads some.
    """
    every = vocabulary()
    tokenizer = word_tokenizer(every, TOKENS, r"\p{L}\p{N}")
    told = json.loads(tokenizer.to_str())
    for word in set(every) - set(vocabulary(looks)):
        del told["model"]["vocab"][word]
    return Tokenizer.from_str(json.dumps(told))
