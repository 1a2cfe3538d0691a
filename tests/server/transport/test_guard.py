"""The guard: room for connections, who gives way, and when somebody counts as not reading."""

import asyncio
from dataclasses import dataclass, field

import pytest

from server.transport.guard import Guard, Limits, Reading
from server.types import Refusal


@dataclass(eq=False)
class Connection:
    """A connection of a stated age; `since` None is one that is being served."""

    address: str | None
    since: float | None = None
    dropped: bool = False
    looked: list[float] = field(default_factory=list)

    def waits_since(self) -> float | None:
        return self.since

    def look(self, now: float) -> None:
        self.looked.append(now)

    def drop(self) -> None:
        self.dropped = True


@dataclass
class Told:
    """What the guard reported."""

    reasons: list[Refusal] = field(default_factory=list)

    def __call__(self, reason: Refusal, why: str, address: str | None) -> None:
        assert why
        self.reasons.append(reason)


def fill(guard: Guard, *connections: Connection) -> list[bool]:
    return [guard.enter(connection) for connection in connections]


async def test_idle_ones_give_way() -> None:
    """Where all places are taken, the longest idle connection of whoever has most of them is dropped for the next."""
    told = Told()
    guard = Guard(Limits(connections=4), told)
    one = Connection("192.0.2.1", since=0)
    many = [Connection("192.0.2.2", since=since) for since in (3, 2, 1)]
    fill(guard, one, *many)
    assert guard.enter(Connection("192.0.2.3", since=9))
    assert [connection.dropped for connection in (one, *many)] == [False, False, False, True]
    assert told.reasons == [Refusal.CROWDED]
    assert len(guard) == 4


async def test_nobody_who_is_served_gives_way() -> None:
    """Where every place is taken by somebody who is being served, the next one is refused."""
    told = Told()
    guard = Guard(Limits(connections=2), told)
    served = [Connection("192.0.2.1"), Connection("192.0.2.2")]
    assert fill(guard, *served) == [True, True]
    assert not guard.enter(Connection("192.0.2.3", since=0))
    assert not any(connection.dropped for connection in served)
    assert told.reasons == [Refusal.CROWDED]
    guard.leave(served[0])
    assert guard.enter(Connection("192.0.2.3", since=0))


async def test_an_address_has_its_own_room() -> None:
    """One address gets so many places; another's are untouched, and a proxy, which speaks for many, has all."""
    told = Told()
    guard = Guard(Limits(connections=100, per_owner=2), told, exempt=lambda address: address == "10.0.0.1")
    first = Connection("192.0.2.1", since=0)
    assert fill(guard, first, Connection("192.0.2.1"), Connection("192.0.2.1")) == [True, True, True]
    assert first.dropped
    assert not guard.enter(Connection("192.0.2.1"))
    assert guard.enter(Connection("192.0.2.2"))
    assert all(fill(guard, *[Connection("10.0.0.1") for _ in range(10)]))


async def test_places_come_back() -> None:
    """Whoever leaves, also twice, gives back one place."""
    guard = Guard(Limits(connections=10, per_owner=1), Told())
    for _ in range(5):
        connection = Connection("192.0.2.1")
        assert guard.enter(connection)
        guard.leave(connection)
        guard.leave(connection)
    assert len(guard) == 0


async def test_a_connection_changes_its_protocol() -> None:
    """A connection that becomes a WebSocket keeps its place."""
    guard = Guard(Limits(connections=10, per_owner=1), Told())
    http, live = Connection("192.0.2.1"), Connection("192.0.2.1")
    guard.enter(http)
    guard.replace(http, live)
    guard.leave(http)
    assert len(guard) == 1
    guard.leave(live)
    assert guard.enter(Connection("192.0.2.1"))


async def test_all_are_looked_at() -> None:
    """Every connection is looked at again and again while it is there."""
    guard = Guard(Limits(), Told())
    connection = Connection("192.0.2.1")
    guard.enter(connection)
    async with asyncio.timeout(30):
        while len(connection.looked) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    guard.leave(connection)
    assert connection.looked == sorted(connection.looked)


@pytest.mark.parametrize(
    ("taken_a_second", "stalls"), [(0, True), (100, True), (2000, False), (10**6, False)], ids=lambda value: str(value)
)
def test_reading(taken_a_second: int, stalls: bool) -> None:
    """Who takes nothing, or next to nothing, of what waits for it does not read; who is only slow does."""
    reading = Reading()
    seen = [reading.stalled(int(taken_a_second * second), 1000, float(second), 10) for second in range(100)]
    assert any(seen) == stalls


def test_reading_with_nothing_to_read() -> None:
    """Who has taken everything stalls nothing, however long it takes nothing more."""
    reading = Reading()
    assert not any(reading.stalled(1000, 0, float(second), 10) for second in range(100))


async def test_a_proxy_may_bring_many_at_once() -> None:
    """The pace of new connections is an address's own, and a proxy's is that of all."""
    told = Told()
    guard = Guard(Limits(new_a_second_per_owner=1), told, exempt=lambda address: address == "10.0.0.1")
    assert not any(guard.floods("10.0.0.1") for _ in range(100))
    assert sum(guard.floods("192.0.2.1") for _ in range(10)) >= 5
    assert set(told.reasons) == {Refusal.FLOOD}
    assert not guard.floods("192.0.2.2")
