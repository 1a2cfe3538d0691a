"""Reads the meters once a second, on a thread of its own: that takes milliseconds, and longer when a driver is in trouble."""

import logging
import threading
from collections.abc import Iterable

from .ledger import Ledger
from .meter import Meter, MeterLost, MeterName

log = logging.getLogger(__name__)

_PATIENCE = 5.0
"""Seconds to wait at the end for a driver that does not answer."""


class Sampler:
    """Closes the ledger's windows with what the meters counted. A meter that fails is left out from then on."""

    def __init__(self, meters: Iterable[Meter], ledger: Ledger, period: float = 1.0) -> None:
        self._ledger, self._period = ledger, period
        self._meters = {meter.name: meter for meter in meters}
        self._last = dict.fromkeys(self._meters, 0)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="energy", daemon=True)
        for name in self._meters:
            ledger.enrol(name)

    def start(self) -> None:
        """Read every `period` seconds until stopped or no meter is left; with no meters there is nothing to start."""
        if self._meters:
            self._thread.start()

    def stop(self) -> None:
        """Returns when the thread has ended, or after a few seconds if a driver holds it: it would not outlive the process."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE)

    def _run(self) -> None:
        # the pause begins when a window has closed, so that no window is shorter
        while self._meters and not self._stopping.wait(self._period):
            self.sample()

    def sample(self) -> None:
        """Read every meter once and close the window."""
        spent: dict[MeterName, int] = {}
        for name, meter in list(self._meters.items()):
            try:
                reading = meter.read()
            except Exception as error:
                self._lose(name, error)
                continue
            spent[name] = reading - self._last[name]
            self._last[name] = reading
        self._ledger.close(spent)

    def _lose(self, name: MeterName, error: Exception) -> None:
        del self._meters[name]
        known = isinstance(error, MeterLost)
        log.warning("energy: %s (%s) is not metered any more: %s", *name, error, exc_info=None if known else error)
