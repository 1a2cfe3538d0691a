"""Where a student's weights are, of what its file says."""

from typing import Any, Protocol


class Weights(Protocol):
    """Of which parts they are put together, and how a file states them, is the business of the student's family."""

    def described(self) -> dict[str, Any]:
        """Part to where it is, in words, for whoever lists students."""
        ...
