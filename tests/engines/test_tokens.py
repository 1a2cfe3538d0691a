"""Prompts to token ids, and which words of them are not known."""

from engines.students import load_student
from engines.tokens import Tokens


def test_words_that_are_not_known() -> None:
    """They are told as they were written, in their order, each once; known ones in any case are not."""
    tokens = Tokens(load_student("embedded"))
    assert tokens.unknown("A red HEART, oil painting") == []
    assert tokens.unknown("a Zeppelin over the qwerty-sea; Zeppelin, red heart") == ["Zeppelin", "over", "qwerty"]
    assert tokens.unknown("") == []
