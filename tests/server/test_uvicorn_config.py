"""How connections are taken: each that is turned away is counted."""

from server.metrics import Metrics
from server.settings import load_settings
from server.types import Refusal
from server.uvicorn_config import make_guard


def test_what_the_guard_reports_is_counted() -> None:
    """Every connection that the guard turns away is counted under its reason."""
    metrics = Metrics()
    guard = make_guard(load_settings({}), metrics)
    guard.refuse(Refusal.FLOOD, "too many pings", "192.0.2.1")
    assert metrics.registry.get_sample_value("allaprima_refusals_total", {"reason": "flood"}) == 1
