"""Sessions: how many, who may come back, for how long, and what is said of each connection."""

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from server.connection_counts import ConnectionCounts
from server.energy import Ledger
from server.energy.meter import MeterName
from server.feed import Feed, FeedClosed
from server.metrics import Metrics
from server.session_store import Kept
from server.sessions import PARKED_PER_LIVE, Full, Sessions
from server.settings import load_settings
from server.types import Ending, Outcome


class Someone:
    """As much of a session as admission knows."""

    def __init__(self, number: int) -> None:
        self.token, self.name, self.owner = f"token-{number}", f"session-{number}", "nobody"
        self.watch, self.feed = f"watch-{number}", Feed()
        self.send: Any = print
        self.student = SimpleNamespace(name="embedded")
        self.counts = ConnectionCounts()
        self.given_up, self.left = asyncio.Event(), asyncio.Event()


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Door:
    def __init__(
        self, limit: int = 2, resume_seconds: float = 30.0, own_limit: int | None = None, of_its_own: Any = lambda owner: None
    ) -> None:
        self.made = 0
        self.clock, self.metrics = Clock(), Metrics()
        self.ledger = Ledger(self.clock)
        own = limit if own_limit is None else own_limit
        flags = {"max_sessions": str(limit), "max_sessions_per_owner": str(own), "resume_seconds": str(resume_seconds)}
        self.sessions = Sessions(
            load_settings({"engine": "fake", **flags}), self.metrics, self.ledger, self.clock, own=of_its_own
        )

    async def enter(self, resume: str | None, student: str | None = None, owner: str = "me") -> Any:
        return await self.sessions.enter(owner, resume, self._make, student)

    def leave(self, session: Any, how: Ending = Ending.LEFT) -> dict[str, Any]:
        return self.sessions.leave(session, how)

    def _make(self) -> Any:
        self.made += 1
        return Someone(self.made)

    def ended(self, how: Ending) -> float | None:
        return self.metrics.registry.get_sample_value("allaprima_sessions_ended_total", {"reason": how})


async def test_enter_and_leave() -> None:
    """Those who are there are counted, and so is who ended how."""
    door = Door()
    one, two = await door.enter(None), await door.enter(None)
    assert one is not two
    assert len(door.sessions) == 2
    door.leave(one, Ending.LOST)
    assert len(door.sessions) == 1
    assert (door.ended(Ending.LOST), door.ended(Ending.LEFT)) == (1, 0)


async def test_full() -> None:
    """One too many is refused with when to try again, and a place is free once somebody leaves."""
    door = Door()
    one, _ = await door.enter(None), await door.enter(None)
    with pytest.raises(Full, match=r"2 live sessions\); try again in 10 seconds"):
        await door.enter(None)
    assert len(door.sessions) == 2
    door.leave(one)
    await door.enter(None)


async def test_resume() -> None:
    """A session that left is found again by its id, within its time."""
    door = Door()
    one = await door.enter(None)
    door.leave(one)
    door.clock.now = 29.9
    assert await door.enter(one.token) is one
    assert door.made == 1


async def test_resume_again() -> None:
    """A session may drop and come back any number of times, each with the whole time."""
    door = Door()
    one = await door.enter(None)
    for _ in range(3):
        door.leave(one)
        door.clock.now += 29
        assert await door.enter(one.token) is one


async def test_too_late() -> None:
    """After its time a session is gone, and its id gives a new one."""
    door = Door()
    one = await door.enter(None)
    door.leave(one)
    door.clock.now = 30.0
    assert await door.enter(one.token) is not one


@pytest.mark.parametrize("resume", ["", "nobody"])
async def test_no_such_session(resume: str) -> None:
    """A token that nobody has gives a new session."""
    door = Door()
    live = await door.enter(None)
    assert await door.enter(resume) is not live
    assert len(door.sessions) == 2


async def _leaves_when_asked(door: Door, session: Any) -> None:
    """What a connection does of whose session another one comes."""
    await session.given_up.wait()
    door.leave(session, Ending.REPLACED)


async def test_taken_over() -> None:
    """Who shows the token has the session, though another connection is in it: that one leaves, and no place is taken twice."""
    door = Door(limit=1)
    one = await door.enter(None, owner="at home")
    for network in ("on the way", "at work"):
        leaving = asyncio.ensure_future(_leaves_when_asked(door, one))
        assert await asyncio.wait_for(door.enter(one.token, owner=network), 10) is one
        await leaving
        assert (one.owner, len(door.sessions)) == (network, 1)
    assert door.ended(Ending.REPLACED) == 2


async def test_one_that_does_not_give_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that hangs keeps its session, and who comes for it has a new one, soon."""
    monkeypatch.setattr("server.sessions._HANDING_OVER", 0.01)
    door = Door()
    one = await door.enter(None)
    assert await door.enter(one.token) is not one
    assert len(door.sessions) == 2


async def test_not_of_another_student() -> None:
    """Who asks for another student with a token leaves the session alone, in use or not."""
    door = Door(limit=3)
    one = await door.enter(None)
    assert await door.enter(one.token, "another") is not one
    assert not one.given_up.is_set()
    door.leave(one)
    assert await door.enter(one.token, "another") is not one


async def test_one_owner_has_a_bound() -> None:
    """An owner has so many sessions and no more, also of those that come back; others find room."""
    door = Door(limit=4, own_limit=2)
    one, _ = await door.enter(None), await door.enter(None)
    with pytest.raises(Full, match="one user may have 2 live sessions"):
        await door.enter(None)
    door.leave(one)
    other = await door.enter(None, owner="other")
    await door.enter(None)
    with pytest.raises(Full, match="one user may have 2"):
        await door.enter(one.token)
    assert other.owner == "other"


async def test_full_keeps_the_parked() -> None:
    """Who is refused because the server is full may try again with the same id."""
    door = Door(limit=1)
    one = await door.enter(None)
    door.leave(one)
    other = await door.enter(None)
    with pytest.raises(Full):
        await door.enter(one.token)
    door.leave(other)
    assert await door.enter(one.token) is one


async def test_nothing_is_sent_to_who_left() -> None:
    """A session without a connection sends nowhere."""
    door = Door()
    one = await door.enter(None)
    door.leave(one)
    assert one.send("anything") is None
    assert one.send is not print


async def test_resuming_switched_off() -> None:
    """With no time to resume nothing is kept."""
    door = Door(resume_seconds=0)
    one = await door.enter(None)
    door.leave(one)
    assert await door.enter(one.token) is not one
    assert not door.sessions._parked


async def test_comers_and_goers_are_forgotten() -> None:
    """Clients that connect and leave in a loop take bounded memory; the latest to leave are kept."""
    door = Door(limit=2)
    for _ in range(1000):
        last = await door.enter(None)
        door.leave(last)
    assert len(door.sessions._parked) <= PARKED_PER_LIVE * 2
    assert await door.enter(last.token) is last


async def test_they_push_out_nobody_else() -> None:
    """However often one owner comes and goes, others find their sessions again."""
    door = Door(limit=2, own_limit=1)
    others = [await door.enter(None, owner=f"other {number}") for number in range(2)]
    for other in others:
        door.leave(other)
    for _ in range(140):
        door.leave(await door.enter(None, owner="in a loop"))
    assert [await door.enter(other.token, owner=other.owner) for other in others] == others


async def test_what_is_said_of_a_connection(caplog: pytest.LogCaptureFixture) -> None:
    """At its end one line tells who, how long, what became of its frames, and how it ended."""
    door = Door()
    one = await door.enter(None)
    one.counts.frames, one.counts.errors = 6, 1
    one.counts.image(0.02)
    one.counts.image(0.04)
    one.counts.outcomes[Outcome.REPEAT] += 3
    door.clock.now += 12.5
    with caplog.at_level(logging.INFO):
        said = door.leave(one, Ending.STALLED)
    assert said == {
        "session": "session-1", "student": "embedded", "reason": "stalled", "seconds": 12.5, "frames": 6,
        "outcomes": {"image": 2, "repeat": 3}, "unanswered": 1, "errors": 1, "images": 2, "mean_ms": 30.0,
    }  # fmt: skip
    [record] = caplog.records
    assert record.getMessage() == "session ended"
    assert record.fields == said  # type: ignore[attr-defined]


async def test_each_connection_is_counted_apart() -> None:
    """A session that comes back begins its count anew."""
    door = Door()
    one = await door.enter(None)
    one.counts.frames = 5
    door.clock.now += 3
    door.leave(one)
    door.clock.now += 20
    assert await door.enter(one.token) is one
    door.clock.now += 1
    said = door.leave(one)
    assert (said["frames"], said["seconds"], said["mean_ms"]) == (0, 1, None)


async def test_joules() -> None:
    """What a session's images took is said at the end of each of its connections, of that connection only."""
    door = Door()
    meter = MeterName("gpu0", "nvml")
    door.ledger.enrol(meter)
    one = await door.enter(None)
    for spent in (100, 40):
        with door.ledger.tick("embedded", [one.name, "somebody else"]):
            door.clock.now += 1
        door.ledger.close({meter: spent * 1_000_000})
        said = door.leave(one)
        assert (said["joules"], said["meter"]) == (spent / 2, "nvml")
        assert await door.enter(one.token) is one


async def test_no_joules_without_a_meter() -> None:
    """Where no meter is, nothing is said of joules."""
    door = Door()
    said = door.leave(await door.enter(None))
    assert not {"joules", "meter"} & said.keys()


async def test_nothing_is_kept_of_who_left() -> None:
    """The books of energy are closed with the connection."""
    door = Door(resume_seconds=0)
    for _ in range(100):
        door.leave(await door.enter(None))
    assert not door.ledger._books


async def test_watched_as_long_as_it_is_there() -> None:
    """A session may be watched by its token while somebody is in it or may come back, and is over with it."""
    door = Door()
    session = await door.enter(None)
    assert door.sessions.watched(session.watch) is session
    session.feed.show(b"an image")
    door.leave(session)
    assert door.sessions.watched(session.watch) is session
    assert session.feed.newest == b""  # nobody paints just now
    door.clock.now += 31
    assert door.sessions.watched(session.watch) is None
    with pytest.raises(FeedClosed):
        await session.feed.until_newer(0, 1)


async def test_watched_without_coming_back() -> None:
    """Where nobody may come back, watching ends with the connection."""
    door = Door(resume_seconds=0)
    session = await door.enter(None)
    door.leave(session)
    assert door.sessions.watched(session.watch) is None


async def test_watched_until_the_server_stops() -> None:
    """A server that stops ends it for all, of sessions with somebody in them, and of those that wait."""
    door = Door()
    sessions = [await door.enter(None), await door.enter(None)]
    door.leave(sessions[0])
    door.sessions.end_watching()
    for session in sessions:
        assert door.sessions.watched(session.watch) is None
        with pytest.raises(FeedClosed):
            await session.feed.until_newer(0, 1)


async def test_a_token_of_its_own(make_client: Any) -> None:
    """The token that lets watch is not the one that lets come back, and says nothing of it."""
    session = make_client().session
    assert session.watch != session.token
    assert session.watch not in session.name


async def test_an_owner_of_its_own() -> None:
    """How many a key may have whose number is its own holds for it alone."""
    door = Door(limit=5, own_limit=3, of_its_own={"key-few": 1, "key-none": 0}.get)
    await door.enter(None, owner="key-few")
    for owner in ("key-few", "key-none"):
        with pytest.raises(Full, match="one user may have"):
            await door.enter(None, owner=owner)
    for _ in range(3):
        await door.enter(None, owner="anybody")


async def test_a_new_one_may_be_refused() -> None:
    """What is against a new session is asked before one is made, and is not against coming back."""

    async def no() -> None:
        raise Full("not another")

    door = Door()
    session = await door.enter(None)
    with pytest.raises(Full, match="not another"):
        await door.sessions.enter("me", None, door._make, begin=no)
    door.leave(session)
    assert await door.sessions.enter("me", session.token, door._make, begin=no) is session
    assert door.made == 1


class Elsewhere:
    """What other front ends left."""

    def __init__(self, *kept: Kept) -> None:
        self.kept = {one.token: one for one in kept}

    def open(self, live: Any, taken: Any) -> None:
        self.live, self.taken = live, taken

    async def take(self, token: str) -> Kept | None:
        return self.kept.get(token)

    async def end(self) -> None:
        pass


def _kept(rev: int) -> Kept:
    return Kept("theirs", "watch-theirs", "live-theirs", "embedded", rev, {})


async def test_left_by_another_front_end() -> None:
    """A session that another front end had is made anew of what it left; of one that is known here, the newer is taken."""
    store, door = Elsewhere(_kept(3)), Door()
    door.sessions = Sessions(load_settings({"engine": "fake"}), door.metrics, door.ledger, door.clock, store)
    revived: list[int] = []

    def revive(kept: Kept) -> Any:
        revived.append(kept.rev)
        session: Any = Someone(9)
        session.token, session.watch, session.rev = kept.token, kept.watch, kept.rev
        return session

    async def enter() -> Any:
        return await door.sessions.enter("me", "theirs", door._make, None, revive)

    session = await enter()
    assert (session.token, session.rev, revived, door.made) == ("theirs", 3, [3], 0)
    assert door.sessions.watched("watch-theirs") is session
    door.leave(session)
    assert await enter() is session  # nobody knows more of it
    door.leave(session)
    store.kept["theirs"] = _kept(4)
    assert (await enter()).rev == 4
    assert revived == [3, 4]


async def test_taken_by_another_front_end() -> None:
    """A connection whose session another front end has is asked to give it up."""
    store, door = Elsewhere(), Door()
    door.sessions = Sessions(load_settings({"engine": "fake"}), door.metrics, door.ledger, door.clock, store)
    door.sessions.open()
    session = await door.enter(None)
    store.taken("no such token")
    assert not session.given_up.is_set()
    store.taken(session.token)
    assert session.given_up.is_set()


async def test_joules_of_workers_elsewhere() -> None:
    """Where no meter is here, a connection's joules are those that came with its images."""
    door = Door()
    session = await door.enter(None)
    session.counts.image(0.1, 1.25, "nvml")
    session.counts.image(0.1, 0.5, "nvml")
    said = door.leave(session)
    assert (said["joules"], said["meter"]) == (1.75, "nvml")
