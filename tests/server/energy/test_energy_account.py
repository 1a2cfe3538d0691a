"""One meter's joules, split between painting and idling."""

import random

import pytest

from server.energy.account import Account, shares

MJ = 1_000_000


def test_idle() -> None:
    """A window without a tick belongs to nobody."""
    account = Account("nvml")
    assert account.settle(60 * MJ, 1.0, 0.0) == 0
    assert (account.metered, account.idle, account.watts) == (60 * MJ, 60 * MJ, 60.0)


def test_fully_busy() -> None:
    """A window full of ticks is painting alone."""
    account = Account("nvml")
    account.settle(60 * MJ, 1.0, 0.0)
    assert account.settle(400 * MJ, 1.0, 1.0) == 400 * MJ
    assert account.painting_watts() == 400


def test_mixed() -> None:
    """Seconds without a tick cost what idle windows cost; painting took the rest."""
    account = Account("nvml")
    account.settle(60 * MJ, 1.0, 0.0)
    assert account.settle(145 * MJ, 1.0, 0.25) == 100 * MJ
    assert account.painting_watts() == 400


@pytest.mark.parametrize("busy", [0.01, 0.25, 1.0])
def test_an_image_costs_the_same_alone_and_in_company(busy: float) -> None:
    """On a machine of 60 W idle and 400 W painting, a second of painting is 400 J, however it is spread over windows."""
    account = Account("nvml")
    account.settle(60 * MJ, 1.0, 0.0)
    windows = round(1 / busy)
    spent = round((400 * busy + 60 * (1 - busy)) * MJ)
    assert sum(account.settle(spent, 1.0, busy) for _ in range(windows)) == pytest.approx(400 * MJ)


def test_before_any_idle_window() -> None:
    """With nothing known of idling, both kinds of second cost the same."""
    account = Account("rapl")
    assert account.settle(100 * MJ, 1.0, 0.3) == 30 * MJ


def test_idling_never_takes_more_than_there_was() -> None:
    """A window quieter than those before it still has its share of painting."""
    account = Account("rapl")
    account.settle(100 * MJ, 1.0, 0.0)
    assert account.settle(40 * MJ, 1.0, 0.5) == 20 * MJ


def test_idle_power_is_learned_anew() -> None:
    """After ten quiet windows a noisy one from before is all but forgotten."""
    account = Account("rapl")
    account.settle(500 * MJ, 1.0, 0.0)
    for _ in range(10):
        account.settle(20 * MJ, 1.0, 0.0)
    assert account.settle(120 * MJ, 1.0, 0.5) == pytest.approx((120 - 0.5 * 47) * MJ, rel=0.01)


def test_overlapping_ticks() -> None:
    """Two engines' ticks may fill more seconds than the window has: nothing is left for idling."""
    account = Account("nvml")
    account.settle(60 * MJ, 1.0, 0.0)
    assert account.settle(400 * MJ, 1.0, 1.7) == 400 * MJ


def test_a_model_has_no_idle() -> None:
    """Watts that were stated for painting are painting's, from the first window on."""
    account = Account("model")
    assert account.settle(13 * MJ, 1.0, 0.2) == 13 * MJ
    assert account.settle(0, 1.0, 0.0) == 0
    assert account.settle(13 * MJ, 1.0, 0.2) == 13 * MJ
    assert account.painting_watts() == pytest.approx(65)


def test_the_price_is_of_the_last_few_windows() -> None:
    """Watts while painting follow a change of load within seconds; windows in which nobody painted do not move them."""
    account = Account("nvml")
    for _ in range(5):
        account.settle(200 * MJ, 1.0, 1.0)
    for _ in range(10):
        account.settle(400 * MJ, 1.0, 1.0)
    price = account.painting_watts()
    assert price == pytest.approx(400, rel=0.05)
    account.settle(60 * MJ, 1.0, 0.0)
    assert account.painting_watts() == price


def test_no_price_before_anybody_painted() -> None:
    """Idle windows say nothing of what painting takes."""
    account = Account("nvml")
    account.settle(60 * MJ, 1.0, 0.0)
    assert account.painting_watts() is None


def test_lost() -> None:
    """A lost meter has no power and no price; what it counted stays."""
    account = Account("nvml")
    account.settle(400 * MJ, 1.0, 1.0)
    account.lose()
    assert (account.watts, account.painting_watts(), account.metered) == (None, None, 400 * MJ)


def test_shares_sum_to_the_total() -> None:
    """Whatever the weights, whole parts sum to the whole, and each is within one of its due."""
    rng = random.Random(0)
    for _ in range(300):
        weights = [rng.choice([0.0, 1e-9, rng.random(), 1e6 * rng.random()]) for _ in range(rng.randint(1, 40))] + [1e-3]
        total = rng.randint(0, 10**10)
        parts = shares(total, weights)
        assert sum(parts) == total
        assert all(abs(part - total * weight / sum(weights)) <= 1.01 for part, weight in zip(parts, weights, strict=True))
