"""What one connection of a session brought, for the one line that is logged of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .types import Outcome


@dataclass(slots=True)
class ConnectionCounts:
    """Frames by what became of them, messages that broke a rule, how long images took, and what each took by its own account.

    `began` is the caller's clock.
    """

    began: float = 0.0
    frames: int = 0
    errors: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    waited: float = 0.0
    joules: float = 0.0
    meter: str = ""

    def image(self, seconds: float, joules: float | None = None, meter: str = "") -> None:
        """An image was made, so many seconds after its frame came; `joules` and `meter` as a result has them."""
        self.outcomes[Outcome.IMAGE] += 1
        self.waited += seconds
        if joules is not None:
            self.joules, self.meter = self.joules + joules, meter

    def fields(self, now: float) -> dict[str, Any]:
        """For the log. `unanswered` frames were under way when the connection ended; `mean_ms` is None without an image."""
        images = self.outcomes[Outcome.IMAGE]
        return {
            "seconds": round(now - self.began, 3),
            "frames": self.frames,
            "outcomes": {outcome.value: self.outcomes[outcome] for outcome in Outcome if self.outcomes[outcome]},
            "unanswered": self.frames - self.outcomes.total(),
            "errors": self.errors,
            "images": images,
            "mean_ms": round(1000 * self.waited / images, 1) if images else None,
        }
