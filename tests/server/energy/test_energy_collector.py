"""The series: their names and labels, and that they are absent where nothing counts."""

from prometheus_client import CollectorRegistry, generate_latest

from server.energy.collector import EnergyCollector
from server.energy.ledger import Ledger
from server.energy.meter import MeterName

from .conftest import Clock

GPU, CPU = MeterName("gpu0", "nvml"), MeterName("package-0", "rapl")
MJ = 1_000_000


def _registry(ledger: Ledger) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(EnergyCollector(ledger))
    return registry


def test_the_series(clock: Clock) -> None:
    """Joules, idle ones too, and watts are by device and meter, joules per image by student and meter."""
    ledger = Ledger(clock)
    registry = _registry(ledger)
    ledger.enrol(GPU)
    ledger.enrol(CPU)
    with ledger.tick("embedded", ["a"]) as tick:
        clock.now += 2
        tick.images = 40
    ledger.close({GPU: 600 * MJ, CPU: 60 * MJ})
    idle = "allaprima_energy_idle_joules_total"
    gpu, cpu = {"device": "gpu0", "meter": "nvml"}, {"device": "package-0", "meter": "rapl"}
    assert registry.get_sample_value("allaprima_energy_joules_total", gpu) == 600
    assert registry.get_sample_value("allaprima_energy_joules_total", cpu) == 60
    assert (registry.get_sample_value(idle, gpu), registry.get_sample_value(idle, cpu)) == (0, 0)
    assert registry.get_sample_value("allaprima_power_watts", gpu) == 300
    assert registry.get_sample_value("allaprima_power_watts", cpu) == 30
    per_image = "allaprima_joules_per_image"
    assert registry.get_sample_value(per_image, {"student": "embedded", "meter": "nvml"}) == 15
    assert registry.get_sample_value(per_image, {"student": "embedded", "meter": "rapl"}) == 1.5


def test_without_meters(clock: Clock) -> None:
    """Without meters there is nothing, not even a name."""
    assert generate_latest(_registry(Ledger(clock))) == b""


def test_before_the_first_window(clock: Clock) -> None:
    """A meter that has not counted yet counts from 0; power and joules per image are not known."""
    ledger = Ledger(clock)
    ledger.enrol(GPU)
    text = generate_latest(_registry(ledger)).decode()
    assert 'allaprima_energy_joules_total{device="gpu0",meter="nvml"} 0.0' in text
    assert "allaprima_power_watts" not in text
    assert "allaprima_joules_per_image" not in text


def test_idle(clock: Clock) -> None:
    """An idle machine has power, all its joules are idle, and there are none per image."""
    ledger = Ledger(clock)
    ledger.enrol(GPU)
    clock.now += 1
    ledger.close({GPU: 60 * MJ})
    text = generate_latest(_registry(ledger)).decode()
    assert 'allaprima_power_watts{device="gpu0",meter="nvml"} 60.0' in text
    assert 'allaprima_energy_idle_joules_total{device="gpu0",meter="nvml"} 60.0' in text
    assert "allaprima_joules_per_image" not in text


def test_a_lost_meter(clock: Clock) -> None:
    """All series of a lost meter go; the other's stay."""
    ledger = Ledger(clock)
    ledger.enrol(GPU)
    ledger.enrol(CPU)
    for spent in ({GPU: 300 * MJ, CPU: 30 * MJ}, {CPU: 30 * MJ}):
        with ledger.tick("embedded", ["a"]) as tick:
            clock.now += 1
            tick.images = 1
        ledger.close(spent)
    text = generate_latest(_registry(ledger)).decode()
    assert "nvml" not in text
    assert text.count('meter="rapl"') == 4
