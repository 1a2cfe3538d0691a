"""An engine without a network: deterministic images, a settable tick time, and faults on request.

For tests and load tests. Its picture is a colour field that the prompt and the seed choose, mixed with the source image
as noise is at the start; what controls are shown is added. Faults are asked for in the prompt: `fake:error` fails that row,
`fake:nan` gives that row a NaN, `fake:crash` fails every tick it is part of, `fake:kill` kills the process, as a fault in a
driver may. (`fake:refuse` means something to `FakeDevice` only.)
"""

import hashlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .engine import Conditioning, Painted, Row
from .errors import EngineError
from .rows import LATENTS_GONE, NOT_A_NUMBER, wrong_with_mask
from .slots import Slots
from .student import Student

_FAULTS = {"fake:error": 1.0, "fake:nan": 2.0, "fake:crash": 3.0, "fake:refuse": 4.0, "fake:kill": 5.0}
_FAULT = 0
"""Where in the conditioning a fault is written; the colours follow."""


_GATE_SECONDS = 0.005
"""Between two looks at a gate."""


class FakeEngine:
    """The engine protocol on numpy alone. `tick_seconds` is a tick's fixed cost, `row_seconds` each row's.

    With a `gate` no tick ends before that file is there: a test then waits for what it wants to see, and not for so long. A
    gate that never opens is an engine that hangs. With `copies` it paints nothing: an image is a copy of the source image, as
    it is taken out of a device's memory, or grey; what is measured then is the server's own.
    """

    backend = "fake"
    device = "none"
    precision = "fp32"

    def __init__(
        self,
        student: Student,
        batch_sizes: tuple[int, ...] = (1, 2, 4, 8),
        tick_seconds: float = 0.0,
        row_seconds: float = 0.0,
        gate: Path | None = None,
        copies: bool = False,
    ) -> None:
        self.student = student
        self.batch_sizes = tuple(sorted(batch_sizes))
        self._tick_seconds, self._row_seconds, self._gate = tick_seconds, row_seconds, gate
        self._copies = copies
        self._side = (student.height // 8, student.width // 8)
        self._slots = Slots((3, *self._side))

    def warm_up(self) -> dict[int, float]:
        return {size: max(1e-4, self._tick_seconds + size * self._row_seconds) for size in self.batch_sizes}

    def condition(self, prompt: str) -> Conditioning:
        conditioning = np.zeros(self.student.text_shape, dtype=np.float32)
        digest = hashlib.sha256(prompt.encode()).digest()
        conditioning[0, 1:13] = np.frombuffer(digest[:12], dtype=np.uint8) / 127.5 - 1
        conditioning[0, _FAULT] = next((fault for word, fault in _FAULTS.items() if word in prompt), 0.0)
        return conditioning

    def count_tokens(self, prompt: str) -> int:
        """Words, of which it reads as many as its student does tokens."""
        return min(len(prompt.split()), self.student.text_shape[0])

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        self._check(rows, "fake:crash")
        if _asks(rows, "fake:kill"):
            os.kill(os.getpid(), signal.SIGKILL)
        if pause := self._pause(rows):
            time.sleep(pause)
        self._pass_gate()
        return [self._paint(row) for row in rows]

    def forget(self, job: int) -> None:
        self._slots.forget(job)

    def close(self) -> None:
        pass

    def _check(self, rows: Sequence[Row], fault: str) -> None:
        """Raises EngineError if the rows are too many, or one asks for this fault of whole ticks."""
        if len(rows) > self.batch_sizes[-1]:
            raise EngineError(f"{len(rows)} rows in a tick; this engine takes {self.batch_sizes[-1]}")
        if _asks(rows, fault):
            raise EngineError(f"the fake engine was asked to {fault.removeprefix('fake:')}")

    def _pass_gate(self) -> None:
        while self._gate is not None and not self._gate.exists():
            time.sleep(_GATE_SECONDS)

    def _pause(self, rows: Sequence[Row]) -> float:
        """Seconds that a tick of these rows takes."""
        return self._tick_seconds + next(s for s in self.batch_sizes if s >= len(rows)) * self._row_seconds

    def _paint(self, row: Row) -> Painted:
        if row.conditioning[0, _FAULT] == _FAULTS["fake:error"]:
            return Painted(error="the fake engine was asked to fail this image")
        if self._copies:
            return Painted(image=self._copied(row)) if row.last else Painted()
        if why := wrong_with_mask(row, (self.student.height, self.student.width)):
            return Painted(error=why)
        encoded = None if row.image is None else self._encode(row.image)
        try:
            x = self._slots.open(row, encoded)
        except KeyError:
            return Painted(error=LATENTS_GONE)
        # out inverts the affine map around the wanted picture, so that x0 is that picture for any contract
        step, wanted = row.step, self._wanted(row, encoded)
        out = (wanted - step.A * x) / step.B if step.B else wanted
        x0 = step.A * x + step.B * out
        if row.conditioning[0, _FAULT] == _FAULTS["fake:nan"]:
            x0[0, 0, 0] = np.nan
        x0 = x0.astype(np.float32)
        if not np.isfinite(x0).all():
            self._slots.forget(row.job)
            return Painted(error=NOT_A_NUMBER)
        self._slots.settle(row, x0)
        if not row.last:
            self._slots.keep(row, x0)
            return Painted()
        return Painted(image=self._decode(x0))

    def _copied(self, row: Row) -> NDArray[np.uint8]:
        if row.image is not None:
            return np.array(row.image)
        return np.full((self.student.height, self.student.width, 3), 127, dtype=np.uint8)

    def _wanted(self, row: Row, encoded: NDArray[np.float32] | None) -> NDArray[np.float32]:
        corners = row.conditioning[0, 1:13].reshape(3, 2, 2)
        y, x = (np.linspace(0, 1, n, dtype=np.float32) for n in self._side)
        top = corners[:, 0, :1, None] * (1 - x) + corners[:, 0, 1:, None] * x
        bottom = corners[:, 1, :1, None] * (1 - x) + corners[:, 1, 1:, None] * x
        field = np.asarray(top * (1 - y[:, None]) + bottom * y[:, None], dtype=np.float32)
        field = field + 0.2 * np.float32(np.sin(row.seed % 1009))
        for shown, scale in zip(row.inputs.get("control", ()), row.inputs.get("scale", ()), strict=True):
            field = field + np.float32(0.5 * scale) * self._encode(shown)
        total = row.step.a_img + row.step.a_z
        if encoded is None or not total:
            return field
        return np.float32(row.step.a_z / total) * field + np.float32(row.step.a_img / total) * encoded

    def _encode(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        h, w = self._side
        small = image.reshape(h, 8, w, 8, 3).mean((1, 3), dtype=np.float32)
        return np.asarray(small.transpose(2, 0, 1) / np.float32(127.5) - 1, dtype=np.float32)

    @staticmethod
    def _decode(x0: NDArray[np.float32]) -> NDArray[np.uint8]:
        small: NDArray[np.uint8] = np.clip(x0 * 127.5 + 127.5, 0, 255).astype(np.uint8).transpose(1, 2, 0)
        return small.repeat(8, axis=0).repeat(8, axis=1)


def _asks(rows: Sequence[Row], fault: str) -> bool:
    """Whether one of them asks for this fault."""
    return any(row.conditioning[0, _FAULT] == _FAULTS[fault] for row in rows)
