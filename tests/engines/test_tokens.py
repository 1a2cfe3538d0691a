"""Prompts to token ids, and which words of them are not known."""

import pytest

from engines.students import load_student
from engines.tokens import Tokens


@pytest.mark.parametrize("name", ["embedded", "painter"])
def test_count(name: str) -> None:
    """Counted is what the text says, of which no more is read than there is room for: not what begins or pads it."""
    tokens = Tokens(load_student(name))
    assert [tokens.count(text) for text in ("", "a", "a red boat")] == [0, 1, 3]
    room = len(tokens.encode("")["ids"])
    assert 3 < tokens.count("a red boat " * 99) <= room


def test_words_that_are_not_known() -> None:
    """They are told as they were written, in their order, each once; known ones in any case are not."""
    tokens = Tokens(load_student("embedded"))
    assert tokens.unknown("A red HEART, oil painting") == []
    assert tokens.unknown("a Zeppelin over the qwerty-sea; Zeppelin, red heart") == ["Zeppelin", "over", "qwerty"]
    assert tokens.unknown("") == []
