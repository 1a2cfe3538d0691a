"""Turning away: counted under its reason, and one line of bounded length."""

import logging

import pytest

from server.metrics import Metrics
from server.refusals import turn_away
from server.types import Refusal


def test_turn_away(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is counted, and its line says why, by which API, where, and who."""
    metrics = Metrics()
    with caplog.at_level(logging.INFO):
        turn_away(metrics, Refusal.FULL, "no room", api="stream", where="/v1/stream", client="10.0.0.1", request=None)
    assert metrics.registry.get_sample_value("allaprima_refusals_total", {"reason": "full"}) == 1
    [record] = caplog.records
    expected = {"reason": "full", "api": "stream", "where": "/v1/stream", "why": "no room", "client": "10.0.0.1"}
    assert (record.getMessage(), record.fields) == ("refused", expected)  # type: ignore[attr-defined]


def test_long_words(caplog: pytest.LogCaptureFixture) -> None:
    """A client's own words do not fill the log."""
    with caplog.at_level(logging.INFO):
        turn_away(Metrics(), Refusal.BAD_REQUEST, "x" * 10_000, api="http", where="/" + "y" * 10_000)
    assert sum(len(str(value)) for value in caplog.records[0].fields.values()) < 500  # type: ignore[attr-defined]


def test_lines_are_an_owners_own(caplog: pytest.LogCaptureFixture) -> None:
    """Of two who share an address, as behind a proxy, one uses up its own lines and not the other's."""
    metrics = Metrics()
    with caplog.at_level(logging.INFO):
        for owner in ["key-a"] * 50 + ["key-b"]:
            turn_away(metrics, Refusal.FULL, owner, api="openai", where="/", client="10.0.0.1", owner=owner)
    said = [record.fields["why"] for record in caplog.records]  # type: ignore[attr-defined]
    assert said == ["key-a"] * 10 + ["key-b"]
