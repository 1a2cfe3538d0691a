"""A student as its front sees it."""

from dataclasses import replace

from engines.students import load_student
from server.served import unknown_words


def test_unknown_words() -> None:
    """Words that a student's tokenizer does not know are told once each, a few of them, and cut; without graphs, none."""
    student = load_student("embedded")
    unknown = unknown_words(student)
    assert unknown(["a Quokka on a red heart", "a quokka"]) == ["Quokka", "quokka"]
    assert unknown(["a red heart, neon"]) == []
    assert [len(word) for word in unknown(["z" * 100])] == [40]
    assert len(unknown([f"{chr(97 + k)}zzz qzz{chr(97 + k)}" for k in range(20)])) == 16
    assert unknown_words(replace(student, graphs=None))(["a quokka"]) == []
