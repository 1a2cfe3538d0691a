"""The watchdog: a thread that hangs is noticed, given back if it comes back, and given up if it does not."""

import threading
from collections.abc import Callable

import pytest

from server.watchdog import Watchdog


class Kennel:
    """A watchdog with a clock in hand, and what it has said."""

    def __init__(self) -> None:
        self.now, self.said = 0.0, list[str]()
        self.watchdog = Watchdog(self._say("hung"), lambda: self.said.append("back"), self._say("lost"), lambda: self.now)

    def _say(self, what: str) -> Callable[[str], None]:
        return lambda why: self.said.append(f"{what}: {why}")

    def look(self, after: float) -> bool:
        self.now += after
        return self.watchdog.look()


@pytest.fixture
def kennel() -> Kennel:
    return Kennel()


def test_in_time(kennel: Kennel) -> None:
    """Acts that end in time are nothing to speak of, however many there are, and neither is doing nothing."""
    for _ in range(100):
        with kennel.watchdog.watching("a tick", 1.0):
            assert kennel.look(0.9)
        assert kennel.look(50.0)
    assert kennel.said == []


def test_hung_and_back(kennel: Kennel) -> None:
    """An act over its time is said once, with what it is and for how long, and that it ended after all."""
    with kennel.watchdog.watching("a tick", 1.0):
        kennel.look(1.5)
        kennel.look(0.3)
        assert kennel.said == ["hung: a tick has not come to its end in 1.5 s"]
    assert kennel.said[1:] == ["back"]
    with kennel.watchdog.watching("a tick", 1.0):
        kennel.look(1.1)
    assert [said[:4] for said in kennel.said] == ["hung", "back", "hung", "back"]


def test_lost(kennel: Kennel) -> None:
    """After as long again it is lost, and looked at no more."""
    with kennel.watchdog.watching("a tick", 1.0):
        assert kennel.look(1.5)
        assert not kennel.look(0.6)
        assert [said[:4] for said in kennel.said] == ["hung", "lost"]


def test_lost_at_once(kennel: Kennel) -> None:
    """An act may have no time on top of its limit."""
    with kennel.watchdog.watching("making the engine", 1.0, 0.0):
        assert not kennel.look(1.1)
        assert [said[:4] for said in kennel.said] == ["hung", "lost"]


def test_an_error_ends_an_act(kennel: Kennel) -> None:
    """An act that fails has ended."""
    with pytest.raises(ValueError, match="broken"), kennel.watchdog.watching("a tick", 1.0):
        raise ValueError("broken")
    assert kennel.look(100.0)
    assert kennel.said == []


def test_begun_anew(kennel: Kennel) -> None:
    """An act that begins anew has its whole time again; with nothing under way there is nothing to begin."""
    kennel.watchdog.again()
    with kennel.watchdog.watching("a tick", 1.0):
        for _ in range(10):
            kennel.look(0.9)
            kennel.watchdog.again()
    assert kennel.said == []


def test_a_thread_looks_on() -> None:
    """Between start and stop nobody needs to ask: a thread looks, and ends when it is told to."""
    hung, lost = threading.Event(), threading.Event()
    watchdog = Watchdog(lambda why: hung.set(), lambda: None, lambda why: lost.set())
    with watchdog.watching("a tick", 0.02):
        watchdog.start()
        assert hung.wait(10)
        assert lost.wait(10)
    idle = Watchdog(lambda why: None, lambda: None, lambda why: None)
    idle.start()
    idle.stop()
    idle._thread.join(10)
    assert not idle._thread.is_alive()
