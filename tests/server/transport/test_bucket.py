"""The token bucket: so many at once, so many a second, and debts."""

from server.transport.bucket import Bucket


def test_bursts_and_rate() -> None:
    """A burst is taken at once, then as many as the rate gives, and never more than a burst again."""
    now = [0.0]
    bucket = Bucket(rate=2, burst=3, clock=lambda: now[0])
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 1.0
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] = 1000.0
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_what_is_owed_is_waited_for() -> None:
    """Whoever took more than there was waits until that is made good."""
    now = [0.0]
    bucket = Bucket(rate=2, burst=1, clock=lambda: now[0])
    assert bucket.wait() == 0
    for _ in range(3):
        bucket.take()
    assert bucket.wait() == 1.5
    now[0] = 1.5
    assert bucket.wait() == 0
