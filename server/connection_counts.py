"""What one connection of a session brought, for the one line that is logged of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .types import Outcome


@dataclass(slots=True)
class ConnectionCounts:
    """Frames by what became of them, messages that broke a rule, and how long images took. `began` is the caller's clock."""

    began: float = 0.0
    frames: int = 0
    errors: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    waited: float = 0.0

    def image(self, seconds: float) -> None:
        """An image was made, so many seconds after its frame came."""
        self.outcomes[Outcome.IMAGE] += 1
        self.waited += seconds

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
