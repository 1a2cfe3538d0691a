"""The reference engine: plain PyTorch in float32, on weights read back from the student's graphs.

Import it only where torch is installed (`factory` does, and says so where it is not).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..engine import Conditioning, Painted, Pixels, Row
from ..errors import EngineError
from ..families import family_of
from ..families.modules import GraphModules
from ..graphs import ports
from ..ports import RENOISING, inputs
from ..rows import LATENTS_GONE, NOT_A_NUMBER, time_ticks, wrong_with
from ..slots import Slots
from ..student import Student
from ..tokens import Tokens
from .modules import read_modules

Floats = NDArray[np.float32]


class TorchEngine:
    """The engine protocol on PyTorch. Raises EngineError if the graphs or the device are missing.

    Nothing is compiled, so a tick runs at its own size: `batch_sizes` only bounds it and says what to time. `modules` are
    run as they are, where they lie, instead of the student's graphs; its tokenizer is read either way.
    """

    backend = "torch"
    precision = "fp32"

    def __init__(
        self,
        student: Student,
        batch_sizes: tuple[int, ...] = (1, 2, 4, 8),
        device: str = "cpu",
        modules: GraphModules | None = None,
    ) -> None:
        if not batch_sizes or min(batch_sizes) < 1:
            raise EngineError(f"batch sizes must be positive, not {batch_sizes}")
        self.student = student
        self.batch_sizes = tuple(sorted(set(batch_sizes)))
        self.device = device
        self._modules = _load(student, device) if modules is None else modules
        self._tokens, self._ports = Tokens(student), ports(student)
        self._slots = self._no_slots()

    def warm_up(self) -> dict[int, float]:
        return time_ticks(self.student, self.batch_sizes, self.tick, self.condition(""))

    def condition(self, prompt: str) -> Conditioning:
        ids = [torch.from_numpy(ids[None]).to(self.device) for ids in self._tokens.encode(prompt).values()]
        with torch.inference_mode():
            conditioning: Conditioning = _numpy(self._modules.text(*ids))[0]
        return conditioning

    def count_tokens(self, prompt: str) -> int:
        return self._tokens.count(prompt)

    def tick(self, rows: Sequence[Row]) -> list[Painted]:
        if not rows:
            return []
        if len(rows) > self.batch_sizes[-1]:
            raise EngineError(f"{len(rows)} rows in a tick; this engine takes {self.batch_sizes[-1]}")
        try:
            with torch.inference_mode():
                return self._paint(rows)
        except RuntimeError as error:
            raise EngineError(f"torch failed: {error}") from error

    def forget(self, job: int) -> None:
        self._slots.forget(job)

    def close(self) -> None:
        self._slots = self._no_slots()

    def _no_slots(self) -> Slots:
        return Slots(self.student.latent_shape, weigh=family_of(self.student).mask_weights)

    def _paint(self, rows: Sequence[Row]) -> list[Painted]:
        opened, handed = self._open(rows)
        alive = [i for i, x in enumerate(opened) if not isinstance(x, str)]
        painted = [Painted(error=x) if isinstance(x, str) else Painted() for x in opened]
        if not alive:
            return painted
        x0 = self._denoise([rows[i] for i in alive], np.stack([opened[i] for i in alive]))
        last = []
        for place, i in enumerate(alive):
            if not np.isfinite(x0[place]).all():
                painted[i] = Painted(error=NOT_A_NUMBER)
                self._slots.forget(rows[i].job)
                continue
            self._slots.settle(rows[i], x0[place])
            if rows[i].last:
                last.append((i, place))
            else:
                self._slots.keep(rows[i], x0[place])
        if last:
            seen = [handed[i] for i, _ in last]
            for (i, _), image in zip(last, self._decode(x0[[place for _, place in last]], seen), strict=True):
                painted[i] = Painted(image=image)
        return painted

    def _open(self, rows: Sequence[Row]) -> tuple[list[Floats | str], list[list[torch.Tensor]]]:
        """Each row's input of the network, or what is wrong with the row; and what its encoder hands to its decoder."""
        opened: list[Floats | str] = []
        handed: list[list[torch.Tensor]] = [[] for _ in rows]
        for at, row in enumerate(rows):
            if why := wrong_with(row, self._ports):
                opened.append(why)
                continue
            encoded = None
            if row.image is not None:
                encoded, handed[at] = self._encode(row.image)
            try:
                opened.append(self._slots.open(row, encoded))
            except KeyError:
                opened.append(LATENTS_GONE)
        return opened, handed

    def _encode(self, image: Pixels) -> tuple[Floats, list[torch.Tensor]]:
        given = self._modules.encode(torch.from_numpy(np.ascontiguousarray(image[None])).to(self.device))
        latents, *handed = given if isinstance(given, tuple) else (given,)
        return _numpy(latents)[0], handed

    def _denoise(self, rows: Sequence[Row], x: Floats) -> Floats:
        given = []
        for name, port in inputs(self._ports["denoise"]).items():
            array = np.zeros((len(rows), *port.shape), port.dtype)
            for place, row in enumerate(rows):
                value = x[place] if name == "x" else None if name in RENOISING else row.told(name)
                if value is not None:
                    array[place] = value
            given.append(torch.from_numpy(array).to(self.device))
        x0, *_ = self._modules.denoise(*given)
        return _numpy(x0)

    def _decode(self, x0: Floats, handed: Sequence[Sequence[torch.Tensor]]) -> NDArray[np.uint8]:
        beside = [torch.cat(each) for each in zip(*handed, strict=True)]
        pixels: NDArray[np.uint8] = self._modules.decode(torch.from_numpy(x0).to(self.device), *beside).cpu().numpy()
        return np.ascontiguousarray(pixels)


def _numpy(value: torch.Tensor) -> Floats:
    array: Floats = value.cpu().numpy()
    return array


def _load(student: Student, device: str) -> GraphModules:
    modules = read_modules(student)
    if device.startswith("cuda"):
        # convolutions round to 10 bits of mantissa by default there, which is no reference
        torch.backends.cudnn.allow_tf32 = False
    try:
        return modules.to(device)
    except (RuntimeError, AssertionError) as error:
        raise EngineError(f"no device {device!r} for torch: {error}") from error
