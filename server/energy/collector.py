"""The energy series for Prometheus. Absent, not zero, where nothing counts."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from .ledger import Ledger


class EnergyCollector(Collector):
    """What a ledger knows at the moment it is asked."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterable[Metric]:
        by_meter = ["device", "meter"]
        joules = CounterMetricFamily("allaprima_energy_joules", "Energy used, idle or not", labels=by_meter)
        watts = GaugeMetricFamily(
            "allaprima_power_watts", "Mean power over the last window of a second or more", labels=by_meter
        )
        for reading in self._ledger.readings():
            joules.add_metric(list(reading.name), reading.joules)
            if reading.watts is not None:
                watts.add_metric(list(reading.name), reading.watts)
        per_image = GaugeMetricFamily(
            "allaprima_joules_per_image",
            "Joules over images in the last window of a second or more",
            labels=["student", "meter"],
        )
        for labels, value in self._ledger.joules_per_image().items():
            per_image.add_metric(list(labels), value)
        yield from (family for family in (joules, watts, per_image) if family.samples)
