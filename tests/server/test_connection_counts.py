"""A connection's counts: what it says, and what it does not know."""

from server.connection_counts import ConnectionCounts
from server.types import Outcome


def test_nothing() -> None:
    """Of a connection without frames there is no mean."""
    said = ConnectionCounts(began=5.0).fields(now=6.5)
    assert (said["seconds"], said["frames"], said["outcomes"], said["unanswered"], said["mean_ms"]) == (1.5, 0, {}, 0, None)


def test_images() -> None:
    """The mean is of images only; frames that got no answer are those that came and became nothing."""
    counts = ConnectionCounts()
    counts.frames = 4
    counts.image(0.010)
    counts.image(0.030)
    counts.outcomes[Outcome.FAILED] += 1
    said = counts.fields(now=1.0)
    assert (said["images"], said["mean_ms"], said["unanswered"]) == (2, 20.0, 1)
    assert said["outcomes"] == {"image": 2, "failed": 1}
