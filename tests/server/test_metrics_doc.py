"""docs/metrics.md says what is exposed: no more, no less, and up to date."""

import re
from pathlib import Path

from server.energy.collector import EnergyCollector
from server.energy.ledger import Ledger
from server.energy.meter import MeterName
from server.instruments import GROUPS
from server.metrics import Metrics
from server.metrics_doc import document
from server.queue.redis.lookout import Surroundings

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
DECLARED = [one for group in GROUPS.values() for one in group]


def _everything() -> Metrics:
    """Metrics of a server that has a student, an engine, a meter, and has painted."""
    now = [0.0]
    metrics, ledger, meter = Metrics(), Ledger(lambda: now[0]), MeterName("gpu0", "nvml")
    metrics.of("x").engine("fake", "none", "fp32", (1,))
    metrics.of("x").up(lambda: True)
    metrics.of("x").jobs(lambda: 1, lambda: 2)
    metrics.of("x").queue_up(lambda: True)
    metrics.of("x").queue(Surroundings)
    metrics.registry.register(EnergyCollector(ledger))
    ledger.enrol(meter)
    with ledger.tick("x", ["me"]) as tick:
        now[0] += 1
        tick.images = 1
    ledger.close({meter: 1_000_000})
    return metrics


def test_up_to_date() -> None:
    """The page is what `python -m server.metrics_doc` writes."""
    assert PAGE.read_text() == document() + "\n"


def test_each_instrument_is_told() -> None:
    """Each has a row with its name, and a group with a note."""
    text = document()
    for one in DECLARED:
        assert text.count(f"| `{one.name}` |") == 1


def test_declared_is_exposed() -> None:
    """What is declared is exposed, of the kind and with the help and labels that were declared, and nothing else is."""
    exposed = {family.name: family for family in _everything().registry.collect()}
    assert exposed.keys() == {one.family for one in DECLARED}
    for one in DECLARED:
        family = exposed[one.family]
        assert (family.type, family.documentation) == (one.kind, one.help)
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert labels == one.labels.keys(), one.name


def test_names() -> None:
    """Ours have our prefix, counters end in _total, and units are base units."""
    for one in DECLARED:
        assert one.name.startswith(("allaprima_", "process_"))
        assert one.name.endswith("_total") == (one.kind == "counter")
        assert not re.search(r"_(ms|milliseconds|minutes|kilobytes|mb|percent)\b", one.name)
