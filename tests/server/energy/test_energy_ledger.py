"""The books: whose joules, to the microjoule."""

import random
from collections.abc import Sequence

import pytest

from server.energy.ledger import Ledger, Spent
from server.energy.meter import MeterName

from .conftest import Clock

GPU, CPU, MODEL = MeterName("gpu0", "nvml"), MeterName("package-0", "rapl"), MeterName("machine", "model")
MJ = 1_000_000


def _ledger(clock: Clock, *names: MeterName) -> Ledger:
    ledger = Ledger(clock)
    for name in names or (GPU,):
        ledger.enrol(name)
    return ledger


def _paint(ledger: Ledger, clock: Clock, seconds: float, owners: Sequence[str], images: int = 0, student: str = "s") -> None:
    with ledger.tick(student, owners) as tick:
        clock.now += seconds
        tick.images = images


def _settled(spent: Spent | None) -> int:
    """Microjoules of closed windows; none while nothing is known."""
    return round((spent.joules - spent.estimated) * 1e6) if spent else 0


def test_counted_is_metered(clock: Clock) -> None:
    """Through random ticks, windows, arrivals and departures: each meter's joules = idle + all owners', to the microjoule."""
    for seed in range(20):
        rng = random.Random(seed)
        ledger = _ledger(clock, GPU, CPU)
        metered = {GPU: 0, CPU: 0}
        here, owned = [f"owner{i}" for i in range(4)], 0
        for owner in here:
            ledger.enter(owner)
        for step in range(300):
            what = rng.random()
            if what < 0.6:
                painters = rng.choices([*here, "a still"], k=rng.randint(1, 6))
                _paint(ledger, clock, rng.expovariate(5), painters, images=1)
            elif what < 0.8:
                clock.now += rng.expovariate(1)
            elif what < 0.9:
                clock.now += rng.random()
                spent = {name: rng.randint(0, 500 * MJ) for name in metered}
                metered = {name: metered[name] + spent[name] for name in metered}
                ledger.close(spent)
            else:
                owned += _settled(ledger.leave(here.pop(rng.randrange(4))))
                here.append(f"owner{step + 4}")
                ledger.enter(here[-1])
        owned += sum(_settled(ledger.leave(owner)) for owner in here)
        readings = ledger.readings()
        assert {reading.name: round(reading.joules * 1e6) for reading in readings} == metered
        idle = sum(round(reading.idle_joules * 1e6) for reading in readings)
        without_a_book = sum(ledger._others.settled.values())
        assert sum(metered.values()) == idle + owned + without_a_book
        assert min(idle, owned, without_a_book) > 0


def test_owners_who_stay_get_everything(clock: Clock) -> None:
    """Where every owner has a book, the books hold all that painting took."""
    ledger = _ledger(clock)
    for owner in "abc":
        ledger.enter(owner)
    for seconds in (0.1, 0.3, 0.7):
        _paint(ledger, clock, seconds, "abc")
        clock.now += 1 / 3
        ledger.close({GPU: 123_456_789})
    [reading] = ledger.readings()
    owned = sum(_settled(ledger.leave(owner)) for owner in "abc")
    assert owned == 3 * 123_456_789 - round(reading.idle_joules * 1e6)
    assert owned > 0


def test_rows_share_a_tick(clock: Clock) -> None:
    """A tick's joules are shared equally by its rows, so an owner of two rows of three pays two thirds."""
    ledger = _ledger(clock)
    ledger.enter("one")
    ledger.enter("two")
    _paint(ledger, clock, 1.0, ["one", "two", "two"])
    ledger.close({GPU: 300 * MJ})
    assert _settled(ledger.leave("one")) == 100 * MJ
    assert _settled(ledger.leave("two")) == 200 * MJ


def test_owners_pay_by_seconds(clock: Clock) -> None:
    """An owner's share of a window is by seconds of engine, not by images: a tick shared by four costs each a quarter."""
    ledger = _ledger(clock)
    for owner in "abcd":
        ledger.enter(owner)
    _paint(ledger, clock, 0.5, ["a"])
    _paint(ledger, clock, 0.5, ["a", "b", "c", "d"])
    ledger.close({GPU: 400 * MJ})
    assert [_settled(ledger.leave(owner)) for owner in "abcd"] == [250 * MJ, 50 * MJ, 50 * MJ, 50 * MJ]


def test_a_tick_over_three_windows(clock: Clock) -> None:
    """A tick longer than a window counts in each by the seconds that lie in it, and is idle in none."""
    ledger = _ledger(clock)
    ledger.enter("slow")
    clock.now += 0.5
    with ledger.tick("s", ["slow"]) as tick:
        clock.now += 0.5
        ledger.close({GPU: 100 * MJ})
        clock.now += 1.0
        ledger.close({GPU: 160 * MJ})
        clock.now += 0.5
        tick.images = 1
    clock.now += 0.5
    ledger.close({GPU: 120 * MJ})
    [reading] = ledger.readings()
    assert reading.idle_joules == 50 + 60
    assert _settled(ledger.leave("slow")) == (50 + 160 + 60) * MJ


def test_a_meter_that_counts_two_owners_alike(clock: Clock) -> None:
    """Each meter's joules are shared out by the same seconds, and an owner's sum is over meters."""
    ledger = _ledger(clock, GPU, CPU)
    ledger.enter("one")
    _paint(ledger, clock, 0.5, ["one", "two"])
    _paint(ledger, clock, 0.5, ["one"])
    ledger.close({GPU: 400 * MJ, CPU: 40 * MJ})
    assert ledger.leave("one") == Spent(pytest.approx(330), "nvml+rapl", 0.0)


def test_an_estimate_is_priced_at_past_windows(clock: Clock) -> None:
    """An image costs its share of its ticks' seconds times what painting took before, whatever the running window holds."""
    ledger = _ledger(clock)
    clock.now += 1
    ledger.close({GPU: 60 * MJ})
    _paint(ledger, clock, 0.25, ["a"])
    clock.now += 0.75
    ledger.close({GPU: 145 * MJ})
    assert ledger.estimate(0.01) == Spent(pytest.approx(4), "nvml", pytest.approx(4))
    clock.now += 1
    ledger.close({GPU: 60 * MJ})
    assert ledger.estimate(0.01) == Spent(pytest.approx(4), "nvml", pytest.approx(4))


def test_estimates_come_out_at_what_is_settled(clock: Clock) -> None:
    """On a machine of steady power the estimates of a window's images sum to what the window then settles."""
    ledger = _ledger(clock)
    ledger.enter("a")
    estimated = 0.0
    for _ in range(10):
        for _ in range(4):
            _paint(ledger, clock, 0.25, ["a", "b"], images=2)
            spent = ledger.estimate(0.25 / 2)
            estimated += spent.joules if spent else 0.0
        ledger.close({GPU: 300 * MJ})
    assert estimated == pytest.approx(9 * 300 / 2)
    assert _settled(ledger.leave("a")) == 10 * 150 * MJ


def test_no_estimate_before_a_window_with_painting_closed(clock: Clock) -> None:
    """The first images' joules are not known yet, and idle windows do not make them so."""
    ledger = _ledger(clock)
    _paint(ledger, clock, 0.1, ["a"])
    assert ledger.estimate(0.1) is None
    ledger = _ledger(clock)
    clock.now += 1
    ledger.close({GPU: 60 * MJ})
    assert ledger.estimate(0.1) is None


def test_leaving_in_the_middle_of_a_window(clock: Clock) -> None:
    """A closing summary is exact up to the last closed window, and says how much of it is estimated from there."""
    ledger = _ledger(clock)
    ledger.enter("a")
    _paint(ledger, clock, 1.0, ["a"])
    ledger.close({GPU: 400 * MJ})
    _paint(ledger, clock, 0.2, ["a"])
    assert ledger.leave("a") == Spent(pytest.approx(480), "nvml", pytest.approx(80))


def test_leaving_in_the_middle_of_a_tick(clock: Clock) -> None:
    """Who leaves while a tick runs pays for it up to then; the rest is the others', and nothing is lost."""
    ledger = _ledger(clock)
    ledger.enter("a")
    _paint(ledger, clock, 1.0, ["a"])
    ledger.close({GPU: 400 * MJ})
    with ledger.tick("s", ["a"]):
        clock.now += 0.5
        assert ledger.leave("a") == Spent(pytest.approx(600), "nvml", pytest.approx(200))
        clock.now += 0.5
    ledger.close({GPU: 400 * MJ})
    assert sum(ledger._others.settled.values()) == 400 * MJ


def test_who_stays_does_not_pay_for_who_left(clock: Clock) -> None:
    """The seconds of an owner who left are nobody else's when their window closes."""
    ledger = _ledger(clock)
    ledger.enter("a")
    ledger.enter("b")
    _paint(ledger, clock, 0.75, ["a"])
    ledger.leave("a")
    _paint(ledger, clock, 0.25, ["b"])
    ledger.close({GPU: 400 * MJ})
    assert _settled(ledger.leave("b")) == 100 * MJ


def test_leaving_before_anything_is_known(clock: Clock) -> None:
    """A session that painted, all within the first window, has no joules to tell, rather than none."""
    ledger = _ledger(clock)
    ledger.enter("a")
    _paint(ledger, clock, 0.2, ["a"])
    assert ledger.leave("a") is None


def test_leaving_without_having_painted(clock: Clock) -> None:
    """A session that did nothing took nothing, which is known."""
    ledger = _ledger(clock)
    ledger.enter("a")
    clock.now += 1
    ledger.close({GPU: 60 * MJ})
    assert ledger.leave("a") == Spent(0.0, "nvml", 0.0)


def test_leaving_twice(clock: Clock) -> None:
    """A book is closed once; one that was never opened cannot be."""
    ledger = _ledger(clock)
    ledger.enter("a")
    assert ledger.leave("a") is not None
    assert ledger.leave("a") is None
    assert ledger.leave("nobody") is None


def test_entering_twice(clock: Clock) -> None:
    """Opening a book that is open takes nothing out of it."""
    ledger = _ledger(clock)
    ledger.enter("a")
    _paint(ledger, clock, 1.0, ["a"])
    ledger.close({GPU: 100 * MJ})
    ledger.enter("a")
    assert _settled(ledger.leave("a")) == 100 * MJ


def test_books_are_bounded(clock: Clock) -> None:
    """Owners without a book leave nothing behind, however many come."""
    ledger = _ledger(clock)
    for still in range(1000):
        _paint(ledger, clock, 0.001, [f"still{still}"], images=1)
    ledger.close({GPU: 100 * MJ})
    assert (len(ledger._books), len(ledger._students), len(ledger._running)) == (0, 1, 0)


def test_joules_per_image(clock: Clock) -> None:
    """All that the window's meters counted, idling included, over its images."""
    ledger = _ledger(clock, GPU, CPU)
    for _ in range(10):
        _paint(ledger, clock, 0.05, ["a"], images=2)
    clock.now += 0.5
    ledger.close({GPU: 240 * MJ, CPU: 40 * MJ})
    assert ledger.joules_per_image() == {("s", "nvml"): pytest.approx(12), ("s", "rapl"): pytest.approx(2)}


def test_joules_per_image_of_two_students(clock: Clock) -> None:
    """Students share a window's joules by their seconds in it."""
    ledger = _ledger(clock)
    _paint(ledger, clock, 0.3, ["a"], images=10, student="quick")
    _paint(ledger, clock, 0.1, ["a"], images=1, student="slow")
    ledger.close({GPU: 200 * MJ})
    assert ledger.joules_per_image() == {("quick", "nvml"): pytest.approx(15), ("slow", "nvml"): pytest.approx(50)}


def test_joules_per_image_of_a_tick_longer_than_a_window(clock: Clock) -> None:
    """A window without an image has no value, and its joules wait for the image that they went into."""
    ledger = _ledger(clock)
    with ledger.tick("s", ["a"]) as tick:
        for _ in range(2):
            clock.now += 1
            ledger.close({GPU: 100 * MJ})
            assert ledger.joules_per_image() == {}
        clock.now += 1
        tick.images = 1
    ledger.close({GPU: 100 * MJ})
    assert ledger.joules_per_image() == {("s", "nvml"): pytest.approx(300)}


def test_joules_per_image_when_idle(clock: Clock) -> None:
    """After a window without painting there is no value, and what an image would have waited for is forgotten."""
    ledger = _ledger(clock)
    _paint(ledger, clock, 1.0, ["a"], images=0)
    ledger.close({GPU: 100 * MJ})
    clock.now += 1
    ledger.close({GPU: 60 * MJ})
    assert ledger.joules_per_image() == {}
    _paint(ledger, clock, 1.0, ["a"], images=4)
    ledger.close({GPU: 100 * MJ})
    assert ledger.joules_per_image() == {("s", "nvml"): pytest.approx(25)}


def test_a_lost_meter(clock: Clock) -> None:
    """A meter that a window closes without says nothing from then on; the other goes on, and books keep what both counted."""
    ledger = _ledger(clock, GPU, CPU)
    ledger.enter("a")
    for spent in ({GPU: 300 * MJ, CPU: 30 * MJ}, {CPU: 30 * MJ}):
        _paint(ledger, clock, 1.0, ["a"], images=10)
        ledger.close(spent)
    assert [reading.name for reading in ledger.readings()] == [CPU]
    assert ledger.joules_per_image() == {("s", "rapl"): pytest.approx(3)}
    assert ledger.estimate(0.1) == Spent(pytest.approx(3), "rapl", pytest.approx(3))
    ledger.enter("late")
    assert ledger.leave("late") == Spent(0.0, "rapl", 0.0)
    assert ledger.leave("a") == Spent(pytest.approx(360), "nvml+rapl", 0.0)


def test_all_meters_lost(clock: Clock) -> None:
    """Nothing is estimated when nothing counts, and a session that came after has no joules to tell."""
    ledger = _ledger(clock)
    _paint(ledger, clock, 1.0, ["a"])
    ledger.close({GPU: 300 * MJ})
    ledger.close({})
    ledger.enter("late")
    assert ledger.estimate(0.1) is None
    assert ledger.leave("late") is None


def test_a_model_is_never_added_to_a_meter(clock: Clock) -> None:
    """Where something is metered the answers are metered; the model has its own series only."""
    ledger = _ledger(clock, CPU, MODEL)
    ledger.enter("a")
    _paint(ledger, clock, 1.0, ["a"], images=1)
    ledger.close({CPU: 30 * MJ, MODEL: 65 * MJ})
    assert ledger.estimate(1.0) == Spent(pytest.approx(30), "rapl", pytest.approx(30))
    assert ledger.leave("a") == Spent(pytest.approx(30), "rapl", 0.0)
    assert ledger.joules_per_image() == {("s", "rapl"): pytest.approx(30), ("s", "model"): pytest.approx(65)}


def test_a_model_alone_is_labelled(clock: Clock) -> None:
    """Where the operator's model is all there is, answers say so."""
    ledger = _ledger(clock, MODEL)
    _paint(ledger, clock, 0.25, ["a"])
    clock.now += 0.75
    ledger.close({MODEL: round(0.25 * 65 * MJ)})
    assert ledger.estimate(0.1) == Spent(pytest.approx(6.5), "model", pytest.approx(6.5))


def test_without_meters(clock: Clock) -> None:
    """Everything can be called, and nothing is known."""
    ledger = Ledger(clock)
    ledger.enter("a")
    _paint(ledger, clock, 1.0, ["a"], images=1)
    assert ledger.estimate(1.0) is None
    assert ledger.leave("a") is None
    assert ledger.readings() == []
    assert ledger.joules_per_image() == {}


def test_busy_seconds(clock: Clock) -> None:
    """Seconds of ticks count while they run, and those between ticks do not."""
    ledger = Ledger(clock)
    _paint(ledger, clock, 0.5, ["a"])
    clock.now += 10
    with ledger.tick("s", ["a"]):
        clock.now += 0.25
        assert ledger.busy() == 0.75
        clock.now += 0.25
    assert ledger.busy() == 1.0


def test_a_tick_that_fails(clock: Clock) -> None:
    """A tick that raises has ended: its seconds count, and no more."""
    ledger = Ledger(clock)

    def fail() -> None:
        with ledger.tick("s", ["a"]):
            clock.now += 0.5
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    clock.now += 10
    assert ledger.busy() == 0.5


def test_a_tick_without_rows() -> None:
    """A tick of nobody is refused before it begins."""
    with pytest.raises(ValueError, match="at least one row"):
        Ledger().tick("s", [])
