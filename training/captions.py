"""What prompts say: wishes, the sentences that express them, and the tokenizer for those sentences."""

import random
from dataclasses import dataclass

from tokenizers import Tokenizer

from engines.families.embedded.shapes import TOKENS

from .tokenizer import word_tokenizer
from .words import COLOURS, SHAPES, STYLE_WORDS, STYLES


@dataclass(frozen=True)
class Wish:
    """What a prompt asks for; None where it says nothing."""

    style: str = "photo"
    shape: str | None = None
    colour: str | None = None
    background: str | None = None

    @property
    def held_out(self) -> bool:
        """Whether this combination is kept from training, to be asked for in the evaluation."""
        if not (self.shape and self.colour and self.background):
            return False
        places = (
            SHAPES.index(self.shape),
            COLOURS.index(self.colour),
            COLOURS.index(self.background),
            STYLES.index(self.style),
        )
        return sum(a * b for a, b in zip(places, (3, 7, 1, 5), strict=True)) % 11 == 0


SUBJECTS = (
    "person", "face", "portrait", "man", "woman", "child", "people", "cat", "dog", "room", "city", "street", "landscape",
    "mountain", "forest", "sea", "sky", "flower", "cup", "car", "table", "hand", "eyes", "astronaut", "rocket", "picture",
    "image", "view", "scene", "me",
)  # fmt: skip

FILLERS = (
    "a", "an", "the", "of", "in", "with", "and", "on", "style", "painting", "art", "background", "beautiful", "highly",
    "detailed", "best", "quality", "masterpiece", "4k", "render", "shape", "drawn", "made", "as", "by", "soft", "bright",
    "dark", "colorful", "simple", "cute", "big", "small", "at", "night", "day", "light",
)  # fmt: skip


def _style_phrase(style: str, rng: random.Random) -> str:
    words = rng.choice(STYLE_WORDS[style])
    if style == "photo":
        return rng.choice((words, "a " + words, ""))
    return rng.choice((words, words, words + " style", "in the style of " + words, words + " art"))


def _noise_words(rng: random.Random) -> str:
    known = FILLERS + ("<unk>",) * 24
    return " ".join(rng.choice(known) for _ in range(rng.randrange(1, 6)))


def random_wish(rng: random.Random) -> Wish:
    """A wish for a scene, never a held-out one."""
    while True:
        colour, background = rng.sample(COLOURS, 2)
        wish = Wish(
            style=rng.choice(STYLES),
            shape=rng.choice(SHAPES) if rng.random() < 0.95 else None,
            colour=colour if rng.random() < 0.9 else None,
            background=background if rng.random() < 0.8 else None,
        )
        if not wish.held_out:
            return wish


def scene_caption(wish: Wish, rng: random.Random) -> str:
    """A sentence that asks for a scene, in one of many wordings."""
    thing = f"{wish.colour or ''} {wish.shape or rng.choice(('shape', 'thing'))}".strip()
    behind = ""
    if wish.background:
        behind = rng.choice((f"on a {wish.background} background", f"on {wish.background}", f"{wish.background} background"))
    style = _style_phrase(wish.style, rng)
    words = rng.choice(
        (
            f"a {thing} {behind}, {style}",
            f"{thing} {behind}, {style}",
            f"{style} of a {thing} {behind}",
            f"{style}, {thing} {behind}",
        )
    )
    if rng.random() < 0.15:
        words += ", " + _noise_words(rng)
    return words


def repaint_caption(style: str, rng: random.Random) -> str:
    """A sentence that asks for a style, and perhaps names a subject that the source image already shows."""
    words = _style_phrase(style, rng)
    subject = rng.choice(SUBJECTS)
    kind = rng.random()
    if kind < 0.35:
        return words
    if kind < 0.85:
        return rng.choice((f"a {subject}, {words}", f"{words} of a {subject}", f"{subject} in {words}", f"{words} {subject}"))
    return f"{words} {_noise_words(rng)}" if rng.random() < 0.5 else f"{_noise_words(rng)} {words}"


def build_tokenizer() -> Tokenizer:
    """A word-level tokenizer over the vocabulary of the captions: lower case, accents and punctuation gone."""
    words = {w for phrases in STYLE_WORDS.values() for p in phrases for w in p.replace("-", " ").split()}
    words |= set(SHAPES) | set(COLOURS) | set(SUBJECTS) | set(FILLERS) | {"shape", "thing", "grey", "house", "bit"}
    return word_tokenizer(sorted(words), TOKENS, "a-z0-9")
