import numpy as np
import pytest
from numpy.typing import NDArray

from server.prompts import KEPT, Prompts


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
    """Of too many prompts, the one longest unused is forgotten, and one in use is not."""
    prompts = Prompts(encoder)
    prompts.conditioning((("kept", 1.0),))
    for index in range(KEPT - 1):
        prompts.conditioning(((f"filler {index}", 1.0),))
    prompts.conditioning((("kept", 1.0),))
    prompts.conditioning((("one more", 1.0),))
    encoder.asked.clear()
    prompts.conditioning((("kept", 1.0),))
    prompts.conditioning((("filler 0", 1.0),))
    assert encoder.asked == ["filler 0"]
