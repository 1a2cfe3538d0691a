"""The operator's wattage."""

from server.energy.meter import MeterName
from server.energy.model import ModelMeter


def test_watts_times_seconds() -> None:
    """It counts the seconds of painting since it was made, and is labelled as what it is."""
    busy = 10.0
    meter = ModelMeter(65.0, lambda: busy)
    assert meter.name == MeterName("machine", "model")
    assert meter.read() == 0
    busy = 12.5
    assert meter.read() == 162_500_000
