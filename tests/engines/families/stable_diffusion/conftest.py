"""What is said during a build, for tests of this folder to read."""

from collections.abc import Callable

import pytest


@pytest.fixture
def said() -> tuple[list[str], Callable[[str], None]]:
    """The lines that were said, and what says them."""
    lines: list[str] = []
    return lines, lines.append
