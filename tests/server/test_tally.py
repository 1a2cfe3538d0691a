"""A connection's tally: what it says, and what it does not know."""

from server.tally import Tally
from server.types import Outcome


def test_nothing() -> None:
    """Of a connection without frames there is no mean."""
    said = Tally(began=5.0).fields(now=6.5)
    assert (said["seconds"], said["frames"], said["outcomes"], said["unanswered"], said["mean_ms"]) == (1.5, 0, {}, 0, None)


def test_images() -> None:
    """The mean is of images only; frames that got no answer are those that came and became nothing."""
    tally = Tally()
    tally.frames = 4
    tally.image(0.010)
    tally.image(0.030)
    tally.outcomes[Outcome.FAILED] += 1
    said = tally.fields(now=1.0)
    assert (said["images"], said["mean_ms"], said["unanswered"]) == (2, 20.0, 1)
    assert said["outcomes"] == {"image": 2, "failed": 1}
