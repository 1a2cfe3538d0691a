"""The operator's model, for machines without a meter: so many watts while painting, else none. Only when asked for."""

from collections.abc import Callable

from .meter import MeterName

MACHINE = "machine"
"""The device of the model's series: the operator says what the watts are of."""


class ModelMeter:
    """`watts` times the seconds that `busy` counts."""

    def __init__(self, watts: float, busy: Callable[[], float]) -> None:
        self.name = MeterName(MACHINE, "model")
        self._watts, self._busy, self._since = watts, busy, busy()

    def read(self) -> int:
        return int(1e6 * self._watts * (self._busy() - self._since))
