"""Whose joules: the energy of each window, shared out over those who painted in it. No meters here, and no threads.

A *window* lies between two readings of the meters, a second or more apart. `Account` says how much of what a meter counted in
it went into painting. That is shared out by seconds: a tick's seconds are shared equally by its rows, a tick that spans two
windows counts in each with the seconds that lie there, and whatever a window's painting took goes to its owners by their
seconds. So over closed windows, to the microjoule and for each meter,

    metered = idle + the sum over owners, those who left and those without a book included.

Settling must wait for the window to close, which an answer cannot: `estimate` prices an image at the watts that painting took
in the windows before.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .account import Account, shares
from .meter import MeterKind, MeterName


@dataclass(frozen=True, slots=True)
class Spent:
    """What somebody's images took. `joules` includes `estimated`, the part that no closed window settles yet.

    `meter` says what counted: `nvml`, `rapl`, both (`nvml+rapl`), or `model` where the operator's wattage is all there is. A
    model's joules are never added to metered ones. What a lost meter counted before stays in; what it missed is not known.
    """

    joules: float
    meter: str
    estimated: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What one meter has counted since the start; `idle_joules` of it belong to nobody. `watts`: mean over the last window."""

    name: MeterName
    joules: float
    idle_joules: float
    watts: float | None


@dataclass(slots=True)
class _Book:
    """One owner's seconds of the window that runs, and microjoules of those that have closed."""

    seconds: float = 0.0
    settled: dict[MeterKind, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Student:
    """Seconds and images of the window that runs; microjoules since the last window that had an image."""

    seconds: float = 0.0
    images: int = 0
    pending: dict[MeterKind, float] = field(default_factory=dict)
    per_image: dict[MeterKind, float] = field(default_factory=dict)


class Tick:
    """One tick, while it runs. Set `images` to how many it finished before it ends."""

    __slots__ = ("_ledger", "counted", "images", "owners", "student")

    def __init__(self, ledger: "Ledger", student: str, owners: Sequence[str]) -> None:
        self._ledger, self.student, self.owners = ledger, student, owners
        self.images = 0
        self.counted = 0.0

    def __enter__(self) -> "Tick":
        self._ledger._begin(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._ledger._end(self)


class Ledger:
    """The books of one server. Any thread may call anything; a tick costs its thread some microseconds, whatever else runs.

    What is kept is bounded by meters, students, running ticks and owners that `enter` and `leave`. Without meters everything
    can be called and nothing is known.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since = clock()
        self._busy = 0.0
        self._running: set[Tick] = set()
        self._students: dict[str, _Student] = {}
        self._books: dict[str, _Book] = {}
        self._others = _Book()
        self._accounts: dict[MeterName, Account] = {}
        self._price: tuple[float, str] | None = None  # watts of painting, and which kinds of meter say so
        self._answering: tuple[MeterKind, ...] = ()

    def enrol(self, name: MeterName) -> None:
        """A meter whose readings `close` will be given. Call before the first window closes."""
        with self._lock:
            self._accounts[name] = Account(name.kind)
            kinds = dict.fromkeys(account.kind for account in self._accounts.values())
            self._answering = tuple(kind for kind in kinds if kind != "model") or tuple(kinds)

    # painting ----------------------------------------------------------------------------------------------------

    def tick(self, student: str, owners: Sequence[str]) -> Tick:
        """`with ledger.tick(...) as tick:` around the engine's tick; `owners`: one per row, at least one. Raises ValueError."""
        if not owners:
            raise ValueError("a tick has at least one row")
        return Tick(self, student, owners)

    def _begin(self, tick: Tick) -> None:
        with self._lock:
            tick.counted = self._clock()
            self._running.add(tick)

    def _end(self, tick: Tick) -> None:
        with self._lock:
            self._count(tick, self._clock())
            self._running.discard(tick)
            self._students[tick.student].images += tick.images

    def _count(self, tick: Tick, now: float) -> None:
        """Book the seconds of a running tick up to `now`. Call with the lock held."""
        seconds = now - tick.counted
        tick.counted = now
        self._busy += seconds
        if tick.student not in self._students:
            self._students[tick.student] = _Student()
        self._students[tick.student].seconds += seconds
        share = seconds / len(tick.owners)
        books, others = self._books, self._others
        for owner in tick.owners:
            books.get(owner, others).seconds += share

    def _count_running(self) -> float:
        now = self._clock()
        for tick in self._running:
            self._count(tick, now)
        return now

    def busy(self) -> float:
        """Seconds of ticks since the start, up to now."""
        with self._lock:
            self._count_running()
            return self._busy

    # owners ------------------------------------------------------------------------------------------------------

    def enter(self, owner: str) -> None:
        """Open a book: from now on this owner's joules are settled apart from the others'."""
        with self._lock:
            self._books.setdefault(owner, _Book())

    def leave(self, owner: str) -> Spent | None:
        """Close the book: exact up to the last closed window and estimated from there. None where no meter can say."""
        with self._lock:
            self._count_running()
            book = self._books.pop(owner, None)
            if book is None:
                return None
            self._others.seconds += book.seconds  # which are settled when their window closes, but with nobody to tell
            settled = {kind: book.settled[kind] for kind in self._answering if book.settled.get(kind)}
            live = [account.kind for account in self._live()]
            if self._price is None and not settled and (book.seconds or not live):
                return None
            estimated = self._price[0] * book.seconds if self._price else 0.0
            meter = "+".join(kind for kind in self._answering if kind in settled or kind in live)
            return Spent(sum(settled.values()) / 1e6 + estimated, meter, estimated)

    def estimate(self, seconds: float) -> Spent | None:
        """What an image took, from its share of its ticks' seconds (of each tick: seconds by rows); None where unknown.

        The share times the watts that painting took in the last few windows in which anybody painted: never this window's,
        which has not closed. So there is nothing to say of the first images, nor without a meter.
        """
        price = self._price  # one read: no lock needed
        return None if price is None else Spent(price[0] * seconds, price[1], price[0] * seconds)

    def _live(self) -> list[Account]:
        return [account for account in self._accounts.values() if account.kind in self._answering and not account.lost]

    # windows -----------------------------------------------------------------------------------------------------

    def close(self, spent: Mapping[MeterName, int]) -> None:
        """Close the window that runs, a second or more old, and settle it: microjoules that each meter counted in it.

        A meter that is not among them is lost; it stays so. Raises KeyError for one that was not enrolled.
        """
        with self._lock:
            now = self._count_running()
            seconds, self._since = now - self._since, now
            busy = sum(student.seconds for student in self._students.values())
            books = [book for book in (self._others, *self._books.values()) if book.seconds]
            by_kind: dict[MeterKind, int] = {}
            for name, account in self._accounts.items():
                if name not in spent:
                    account.lose()
            for name, joules in spent.items():
                account = self._accounts[name]
                by_kind[account.kind] = by_kind.get(account.kind, 0) + joules
                painted = account.settle(joules, seconds, busy)
                if painted:
                    self._share_out(account.kind, painted, books)
            self._per_image(by_kind, busy)
            for book in books:
                book.seconds = 0.0
            self._price = self._priced()

    def _share_out(self, kind: MeterKind, painted: int, books: list[_Book]) -> None:
        for book, part in zip(books, shares(painted, [book.seconds for book in books]), strict=True):
            book.settled[kind] = book.settled.get(kind, 0) + part

    def _per_image(self, by_kind: dict[MeterKind, int], busy: float) -> None:
        """Each student's joules per image, idle ones included; a window without an image waits for the next that has one."""
        for student in self._students.values():
            pending = student.pending if student.seconds or student.images else {}
            for kind, joules in by_kind.items() if student.seconds else ():
                pending[kind] = pending.get(kind, 0.0) + joules * student.seconds / busy
            student.per_image = {}
            if student.images:
                student.per_image = {kind: pending[kind] / student.images / 1e6 for kind in by_kind if kind in pending}
                pending = {}
            student.pending, student.seconds, student.images = pending, 0.0, 0

    def _priced(self) -> tuple[float, str] | None:
        prices = [(watts, account.kind) for account in self._live() if (watts := account.painting_watts()) is not None]
        kinds = dict.fromkeys(kind for _, kind in prices)
        return (sum(watts for watts, _ in prices), "+".join(kinds)) if prices else None

    # what is known -----------------------------------------------------------------------------------------------

    def readings(self) -> list[Reading]:
        """Each meter that still counts."""
        with self._lock:
            return [
                Reading(name, account.metered / 1e6, account.idle / 1e6, account.watts)
                for name, account in self._accounts.items()
                if not account.lost
            ]

    def joules_per_image(self) -> dict[tuple[str, MeterKind], float]:
        """By student and meter: all that the last window's meters counted, over its images.

        Idle joules are in it, unlike in what `Spent` tells: it is what an image cost whoever pays for the machine. A student
        that finished no image in that window is absent. The window reaches back until it has an image, so a tick of several
        seconds counts in full; several students share its joules by their seconds in it.
        """
        with self._lock:
            return {
                (name, kind): joules for name, student in self._students.items() for kind, joules in student.per_image.items()
            }
