import numpy as np
import pytest
from numpy.typing import NDArray

from server.prompts import Prompts

ONE = 2 * 3 * 4
"""Bytes of one conditioning."""


class Encoder:
    """Says how long a text is, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> NDArray[np.float32]:
        self.asked.append(text)
        return np.full((2, 3), len(text), dtype=np.float32)


@pytest.fixture
def encoder() -> Encoder:
    return Encoder()


def test_a_prompt_is_encoded_once(encoder: Encoder) -> None:
    """A prompt that was said before costs nothing."""
    prompts = Prompts(encoder)
    for _ in range(3):
        assert (prompts.conditioning((("neon", 1.0),)) == 4).all()
    assert encoder.asked == ["neon"]


def test_a_blend_is_the_weighted_mean(encoder: Encoder) -> None:
    """A blend means the weighted mean of its parts."""
    blend = Prompts(encoder).conditioning((("ab", 0.25), ("abcdef", 0.75)))
    assert blend.dtype == np.float32
    np.testing.assert_allclose(blend, 0.25 * 2 + 0.75 * 6)


def test_the_longest_unused_makes_room(encoder: Encoder) -> None:
    """Of more than there is room for in bytes, the text longest unused is forgotten, and one in use is not."""
    prompts = Prompts(encoder, text_bytes=4 * ONE)
    prompts.conditioning((("kept", 1.0),))
    for index in range(3):
        prompts.conditioning(((f"filler {index}", 1.0),))
    prompts.conditioning((("kept", 1.0),))
    prompts.conditioning((("one more", 1.0),))
    encoder.asked.clear()
    prompts.conditioning((("kept", 1.0),))
    prompts.conditioning((("filler 0", 1.0),))
    assert encoder.asked == ["filler 0"]


def test_a_blend_is_remembered(encoder: Encoder) -> None:
    """A blend that was said before is not mixed again, and a travel's thousand blends make no text be forgotten."""
    prompts = Prompts(encoder, text_bytes=2 * ONE, blend_bytes=4 * ONE)
    blend = (("ab", 0.25), ("abcdef", 0.75))
    assert prompts.conditioning(blend) is prompts.conditioning(blend)
    for step in range(1000):
        prompts.conditioning((("ab", step / 1000), ("abcdef", 1 - step / 1000)))
    assert encoder.asked == ["ab", "abcdef"]


def test_one_that_is_larger_than_the_room(encoder: Encoder) -> None:
    """What is larger than all the room there is can be asked for all the same."""
    prompts = Prompts(encoder, text_bytes=1)
    assert (prompts.conditioning((("neon", 1.0),)) == 4).all()
