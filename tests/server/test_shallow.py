"""How much JSON there is, found without looking at all of it."""

from typing import Any

import pytest

from server.shallow import complaint


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [1, "x" * 10_000, None, {}, [], {"a": [1, {"b": None}]}, [0] * 10, _nested(8)])
def test_little(value: Any) -> None:
    """Long texts are one value; a few values, some way down, are taken."""
    assert complaint(value, 10, 8) is None


@pytest.mark.parametrize("value", [[0] * 11, {str(n): n for n in range(11)}, [[0, 0], [0, 0], [0, 0], [0, 0]], [[0] * 100_000]])
def test_many_values(value: Any) -> None:
    """Values are counted at every level."""
    assert complaint(value, 10, 8) == "more than 10 values"


@pytest.mark.parametrize("depth", [9, 900])
def test_deep(depth: int) -> None:
    """What is nested deeper than stated is found without recursion."""
    assert complaint(_nested(depth), 10_000, 8) == "nested deeper than 8 levels"
