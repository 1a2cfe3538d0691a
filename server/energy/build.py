"""The parts of energy, put together."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .collector import EnergyCollector
from .discover import Found, find_meters
from .ledger import Ledger
from .sampler import Sampler

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Energy:
    """`ledger` for who paints and who asks, `collector` for the metrics, `sampler` to start and stop."""

    ledger: Ledger
    collector: EnergyCollector
    sampler: Sampler


def build_energy(
    on: bool = True, watts: float = 0.0, gpus: Sequence[str] | None = None, find: Callable[..., Found] = find_meters
) -> Energy:
    """Look for meters, unless energy is off, and log what was found and what not. `watts` and `gpus` as in `find_meters`.

    Without meters, or off, all parts are there and say nothing. Nothing runs yet: `sampler.start()` begins.
    """
    ledger = Ledger()
    found = find(ledger.busy, watts, gpus) if on else Found()
    for meter in found.meters:
        log.info("energy: metering %s (%s)", *meter.name)
    for reason in found.absent:
        log.info("energy: not metered: %s", reason)
    return Energy(ledger, EnergyCollector(ledger), Sampler(found.meters, ledger))
