"""What TensorRT measured of its kernels, kept for the next build. TensorRT-RTX measures nothing when it builds."""

import logging
import re
from pathlib import Path
from typing import Any

from ..flavour import Flavour

log = logging.getLogger(__name__)


class TimingCache:
    """The timing cache of one flavour and GPU, in a file under `root`. `gpu` None is a flavour that has none."""

    def __init__(self, flavour: Flavour, root: Path, gpu: str | None) -> None:
        name = re.sub(r"[^\w.]+", "-", f"{flavour.backend} {gpu}")
        # asking RTX for one does nothing, but needs a GPU
        self._file = None if flavour.rtx or gpu is None else root / f"timings-{name}.bin"

    def lend(self, config: Any) -> None:
        """Let a builder's configuration use what is known. A file that does not fit is begun anew."""
        if self._file is None:
            return
        known = self._file.read_bytes() if self._file.exists() else b""
        if known and config.set_timing_cache(config.create_timing_cache(known), False):
            return
        config.set_timing_cache(config.create_timing_cache(b""), False)

    def keep(self, config: Any) -> None:
        """Write what is known now. What cannot be written is measured again another time."""
        if self._file is None or (cache := config.get_timing_cache()) is None:
            return
        temporary = self._file.with_suffix(".tmp")
        try:
            temporary.write_bytes(memoryview(cache.serialize()))
            temporary.replace(self._file)
        except OSError as error:
            log.warning("the timing cache %s cannot be written (%s): the next build takes as long", self._file, error)
