"""The text of a picture's making: written, and read back."""

import pytest

from server.api.a1111 import infotext

FACTS = {"Steps": 1, "Sampler": "renoise", "Seed": 7, "Size": "512x512"}


@pytest.mark.parametrize("prompt", ["", "a boat", "a boat,\nat night", "море: a, b", "Steps: 3, of a stair"])
@pytest.mark.parametrize("negative", ["", "ugly, grey"])
def test_round_trip(prompt: str, negative: str) -> None:
    """What is written is read."""
    read = infotext.read(infotext.write(prompt, negative, {**FACTS, "Model": 'a "b", c: d'}))
    facts = {name: str(value) for name, value in FACTS.items()}
    assert read == {"Prompt": prompt, "Negative prompt": negative, **facts, "Model": 'a "b", c: d'}


@pytest.mark.parametrize("text", ["a boat", "a boat\nSteps: many", '"' * 70_000, "a: " * 30_000, "\n" * 70_000, "a" * 70_000])
def test_what_is_none(text: str) -> None:
    """Any text is read, and soon; of what was not written so the prompt is all of it."""
    assert infotext.read(text)["Negative prompt"] == ""
