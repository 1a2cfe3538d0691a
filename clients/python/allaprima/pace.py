"""How many frames to keep on their way: enough to keep a server busy, and none that would only push out another."""

_FIRST_TRY = 30
_LATEST_TRY = 1000


class Pace:
    """Begins with one, and goes on with two, one that is painted and one on its way; a drop makes it narrower, and many images
    without one wider.

    A try that ends with a drop is not made again before twice as many images.
    """

    def __init__(self, window: int) -> None:
        self._window = max(1, window)
        self._try_after = _FIRST_TRY
        self._well = 0
        self._tried = self._dropped = False
        self.limit = 1
        """Frames that may be unanswered now."""

    def answered(self, dropped: bool) -> None:
        """There is an answer to a frame: an image, old or new, or that it was dropped."""
        if dropped:
            if self._tried:
                self._try_after = min(2 * self._try_after, _LATEST_TRY)
            self.limit, self._well, self._tried, self._dropped = max(1, self.limit - 1), 0, False, True
            return
        self._well += 1
        if self._well == 1 and self.limit == 1 and not self._dropped:
            self.limit = min(2, self._window)
        if self._well >= self._try_after and self.limit < self._window:
            self.limit, self._well, self._tried = self.limit + 1, 0, True
