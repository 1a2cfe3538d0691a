"""How connections are taken: as many as there are descriptors for, and each counted."""

import resource

import pytest

from server.listening import RESERVED, make_guard, room_for
from server.metrics import Metrics
from server.settings import load_settings
from server.types import Refusal


def _limits(monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, may_raise: bool = True) -> list[tuple[int, int]]:
    wanted: list[tuple[int, int]] = []

    def raise_it(which: int, limits: tuple[int, int]) -> None:
        if not may_raise:
            raise PermissionError
        wanted.append(limits)

    monkeypatch.setattr(resource, "getrlimit", lambda which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", raise_it)
    return wanted


def test_enough_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are enough, nothing is changed."""
    assert _limits(monkeypatch, 1024, 4096) == []
    assert room_for(512) == 512
    _limits(monkeypatch, resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert room_for(512) == 512


def test_more_may_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too few, as many are asked for as are needed and may be had."""
    wanted = _limits(monkeypatch, 256, 4096)
    assert room_for(512) == 512
    assert wanted == [(512 + RESERVED, 4096)]
    wanted = _limits(monkeypatch, 256, 400)
    assert room_for(512) == 400 - RESERVED
    assert wanted == [(400, 400)]


def test_too_few(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """Where no more may be had, there is room for fewer connections, and the log says so."""
    _limits(monkeypatch, 256, 256, may_raise=False)
    assert room_for(512) == 256 - RESERVED
    assert "room for 192 connections and not 512" in caplog.text


def test_what_the_guard_reports_is_counted() -> None:
    """Every connection that the guard turns away is counted under its reason."""
    metrics = Metrics()
    guard = make_guard(load_settings({}), metrics)
    guard.refuse(Refusal.FLOOD, "too many pings", "192.0.2.1")
    assert metrics.registry.get_sample_value("allaprima_refusals_total", {"reason": "flood"}) == 1
