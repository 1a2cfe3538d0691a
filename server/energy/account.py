"""How one meter's joules are split between painting and idling. Pure; microjoules and seconds."""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

from .meter import MeterKind

_FADE = 0.75
"""How much of what is remembered of past windows the next one leaves: half is forgotten in some three seconds."""


class Account:
    """One meter's books. `metered` = `idle` + everything `settle` returned, to the microjoule.

    A second in which nobody paints costs what seconds in which nobody painted cost lately; all else is painting. A tick is
    thus charged what a meter read at its two ends would have shown, idle draw included, and an image costs the same
    whether it is alone in its window or one of many. Until an idle window was seen, both kinds of second cost the same.
    """

    def __init__(self, kind: MeterKind) -> None:
        self.kind: MeterKind = kind
        self.metered = 0
        self.idle = 0
        self.watts: float | None = None
        self.lost = False
        self._idle_power = 0.0 if kind == "model" else math.inf
        self._painted, self._painted_in = 0.0, 0.0

    def settle(self, spent: int, seconds: float, busy: float) -> int:
        """Book a window of `seconds`, `busy` of them painting; the microjoules of `spent` that painting took."""
        power = spent / seconds
        self.metered += spent
        self.watts = power / 1e6
        if not busy:
            self.idle += spent
            known = math.isfinite(self._idle_power)
            self._idle_power = _FADE * self._idle_power + (1 - _FADE) * power if known else power
            return 0
        idle = min(spent, round(min(self._idle_power, power) * max(0.0, seconds - busy)))
        self.idle += idle
        self._painted = _FADE * self._painted + spent - idle
        self._painted_in = _FADE * self._painted_in + busy
        return spent - idle

    def lose(self) -> None:
        """The meter is gone: from here on it says nothing, and what it has counted stays counted."""
        self.lost, self.watts = True, None

    def painting_watts(self) -> float | None:
        """Watts while painting, over the last few windows in which anybody painted; None if there is none, or no meter."""
        return None if self.lost or not self._painted_in else self._painted / self._painted_in / 1e6


def shares(total: int, weights: Sequence[float]) -> list[int]:
    """`total` split by weight, in whole parts that sum to it. The weights' sum must be positive."""
    sums = list(accumulate(weights))
    marks = [round(total * (part / sums[-1])) for part in sums]
    return [upto - before for before, upto in pairwise([0, *marks])]
