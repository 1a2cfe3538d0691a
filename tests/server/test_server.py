"""A server: its parts know of each other, and nothing runs on when it is shut."""

import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from engines.fake_engine import FakeEngine
from engines.student import Student
from server import server as servers
from server.energy import build_energy
from server.server import build_front, build_server
from server.settings import load_settings
from server.status import Fleet, State, Status


def _names() -> set[str]:
    return {thread.name.partition("_")[0] for thread in threading.enumerate() if thread is not threading.main_thread()}


def test_threads(student: Student) -> None:
    """A server at work has a thread for the energy beside the worker's; shut, it has none, however often it is shut."""
    before = _names()
    server = build_server(load_settings({"engine": "fake", "watts": "35"}), [(student, lambda say: FakeEngine(student))])
    assert _names() == before
    server.start()
    for _ in range(1000):
        if server.not_ready() is None:
            break
        time.sleep(0.01)
    assert _names() >= {"energy", "engine", "intake"}
    server.shut()
    server.shut()
    assert not _names() & {"energy", "engine", "intake", "decoding", "encoding"}


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        ({"engine": "fake"}, (True, 0.0, ())),
        ({"engine": "fake", "watts": "35", "energy_device": "GPU-1"}, (True, 35.0, ("GPU-1",))),
        ({"engine": "openvino", "energy_device": "0"}, (True, 0.0, ("0",))),
        ({"engine": "torch"}, (True, 0.0, ())),
        ({"engine": "torch", "device": "cuda:1"}, (True, 0.0, ("0000:01:00.0",))),
        ({"engine": "tensorrt"}, (True, 0.0, ("0000:00:00.0",))),
        ({"engine": "tensorrt", "device": "cuda:9"}, (True, 0.0, None)),
        ({"engine": "tensorrt", "energy_device": "GPU-1, 0"}, (True, 0.0, ("GPU-1", "0"))),
        ({"engine": "tensorrt", "energy": "off"}, (False, 0.0, ())),
    ],
)
def test_what_is_metered(student: Student, monkeypatch: pytest.MonkeyPatch, flags: dict[str, str], asked: Any) -> None:
    """Metered are the GPUs that are named, or else the one that paints; all of them where nobody says which that is."""
    calls: list[Any] = []
    asked_for: list[int] = []

    def bus_id(number: int) -> str | None:
        asked_for.append(number)
        return None if number == 9 else f"0000:{number:02x}:00.0"

    def build(*args: Any) -> Any:
        calls.append(args)
        return build_energy(on=False)

    monkeypatch.setattr(servers, "build_energy", build)
    monkeypatch.setattr(servers, "pci_bus_id", bus_id)
    server = build_server(load_settings(flags), [(student, lambda say: FakeEngine(student))])
    assert calls == [asked]
    server.shut()


def test_students_of_workers_elsewhere(student: Student) -> None:
    """A front end is ready while workers paint any of its students; a server that paints itself, when it can paint all."""
    others = replace(student, name="other")
    front = build_front(load_settings({"queue": "redis://127.0.0.1:9", "student": "embedded,other"}), [student, others])
    assert "connecting to the queue" in str(front.not_ready())
    painted = replace(front.students["other"], status=lambda: Fleet("other", (Status("other", State.READY),)))
    assert replace(front, students={**front.students, "other": painted}).not_ready() is None
    front.shut()
