"""The energy series for Prometheus. Absent, not zero, where nothing counts."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from .. import instruments
from ..instruments import Instrument
from .ledger import Ledger


class EnergyCollector(Collector):
    """What a ledger knows at the moment it is asked."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterable[Metric]:
        joules, idle = _counters(instruments.ENERGY), _counters(instruments.IDLE_ENERGY)
        watts, per_image = _gauges(instruments.POWER), _gauges(instruments.JOULES_PER_IMAGE)
        for reading in self._ledger.readings():
            joules.add_metric(list(reading.name), reading.joules)
            idle.add_metric(list(reading.name), reading.idle_joules)
            if reading.watts is not None:
                watts.add_metric(list(reading.name), reading.watts)
        for labels, value in self._ledger.joules_per_image().items():
            per_image.add_metric(list(labels), value)
        yield from (family for family in (joules, idle, watts, per_image) if family.samples)


def _counters(of: Instrument) -> CounterMetricFamily:
    return CounterMetricFamily(of.family, of.help, labels=list(of.labels))


def _gauges(of: Instrument) -> GaugeMetricFamily:
    return GaugeMetricFamily(of.family, of.help, labels=list(of.labels))
