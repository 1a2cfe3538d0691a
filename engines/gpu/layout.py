"""How the arrays of a tick lie in one block of memory, on the host and on the device alike.

A block holds several fields of so many rows each. All but the last field are small, and are sent whole; the last one is
large, and is sent as far as there are rows. So a block travels in one copy, of its front.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..graphs import ports
from ..ports import Port, Ports, handed, told
from ..student import Student
from .cuda import Bytes, aligned

Views: TypeAlias = dict[str, NDArray[Any]]
Field: TypeAlias = tuple[DTypeLike, tuple[int, ...]]
"""Type and shape of a row."""

OUTSIDE = ("a_img", "a_z", "alpha_next", "sigma_next", "keep_img", "keep_z")
"""Numbers of a row, float32, of what is done around the network; those that it is told are its ports'."""
PLACES = ("opened", "encoded", "noise", "decoded", "kept", "noise_next", "masked", "keep_noise")
"""Where a row's data lie, int32, -1 for nowhere.

opened, kept       slots that its latents come from and go to
encoded, decoded   its rows in the encoder's output and in the decoder's input
noise, noise_next  places of its noise and of its next step's
masked             place of its mask, and of what that keeps
keep_noise         place of the noise in what is kept
"""


class Block:
    """Fields by name, each [rows, *shape]; the order counts. `size` is its bytes, `offset` a field's in it."""

    def __init__(self, rows: int, fields: Mapping[str, Field]) -> None:
        self.rows = rows
        self._fields = {name: (np.dtype(dtype), shape) for name, (dtype, shape) in fields.items()}
        self.offset: dict[str, int] = {}
        self.size = 0
        for name, (dtype, shape) in self._fields.items():
            self.offset[name] = self.size
            self._row = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
            self.size = aligned(self.size + rows * self._row)
        self._last = self.offset[name]

    def front(self, rows: int) -> int:
        """Bytes up to so many rows of the last field."""
        return self._last + rows * self._row

    def views(self, memory: Bytes) -> Views:
        """The fields as arrays in a memory of `size` bytes."""
        views: Views = {}
        for name, (dtype, shape) in self._fields.items():
            count = self.rows * int(np.prod(shape, dtype=np.int64))
            at = self.offset[name]
            views[name] = memory[at : at + count * dtype.itemsize].view(dtype).reshape(self.rows, *shape)
        return views


@dataclass(frozen=True, slots=True)
class Layout:
    """The blocks of a student's ticks of at most `rows` rows, and how much of its jobs stays on the device.

    `slots` is how many jobs may be between two steps, `masked` how many may have masks, `noises` how many noises are kept:
    four for each row at least, so that what a tick and the one before it need is never among those that make room.
    """

    rows: int
    ports: Ports
    slots: int = 256
    noises: int = 128
    masked: int = 32

    def __post_init__(self) -> None:
        if self.slots < 2 * self.rows or self.noises < 4 * self.rows or self.masked < 2 * self.rows:
            needs = f"{2 * self.rows} slots, {4 * self.rows} noises and {2 * self.rows} masks"
            raise ValueError(f"ticks of {self.rows} rows need {needs} at least")

    @staticmethod
    def of(student: Student, rows: int) -> "Layout":
        return Layout(
            rows,
            ports(student),
            slots=max(256, 2 * rows),
            noises=max(128, 4 * rows),
            masked=max(32, 4 * rows),
        )

    @property
    def numbers(self) -> Block:
        """What a tick is told of its rows."""
        fields: dict[str, Field] = {name: (port.dtype, port.shape) for name, port in self.told.items()}
        fields |= dict.fromkeys(OUTSIDE, (np.float32, ()))
        fields |= dict.fromkeys(PLACES, (np.int32, ()))
        # the largest last: of the others a tick sends all rows
        return Block(self.rows, dict(sorted(fields.items(), key=lambda field: math.prod(field[1][1]))))

    @property
    def pictures(self) -> Block:
        """Its input images, without gaps."""
        return Block(self.rows, {"pixels": self.pixels})

    @property
    def results(self) -> Block:
        """What a tick gives: which rows are unsound, and its images, without gaps."""
        return Block(self.rows, {"unsound": (np.int32, ()), "pixels": self.pixels})

    @property
    def weights(self) -> Block:
        """The masks that it brings, as weights of latents, without gaps."""
        return Block(self.rows, {"weights": (np.float32, self.latents)})

    @property
    def told(self) -> dict[str, Port]:
        """Inputs of the denoiser that rows tell, by name."""
        return told(self.ports["denoise"])

    @property
    def handed(self) -> dict[str, Port]:
        """What the encoder's rows hand to the decoder's, place by place."""
        return handed(self.ports)

    @property
    def pixels(self) -> Field:
        port = self.ports["encode"]["pixels"]
        return port.dtype, port.shape

    @property
    def latents(self) -> tuple[int, ...]:
        return self.ports["denoise"]["x"].shape

    @property
    def length(self) -> int:
        """Elements of one row's latents."""
        return int(np.prod(self.latents))

    @property
    def latent_bytes(self) -> int:
        """Of one row, as float32."""
        return 4 * self.length

    def device_memory(self) -> dict[str, int]:
        """Bytes of every allocation on the device beside the networks' own."""
        several = aligned(self.rows * self.latent_bytes)
        lane = {"numbers": self.numbers.size, "pictures": self.pictures.size, "results": self.results.size}
        return {
            **lane,
            **{f"lane {lane_of} {name}": size for lane_of in range(LANES) for name, size in lane.items()},
            **{f"lane {lane_of} weights": self.weights.size for lane_of in range(LANES)},
            **dict.fromkeys(("encoded", "x", "x0", "decoding", "idle", "spare"), several),
            **{f"handed {name}": aligned(self.rows * _bytes(port)) for name, port in self.handed.items()},
            "slots": self.slots * self.latent_bytes,
            "noises": self.noises * self.latent_bytes,
            "masks": self.masked * self.latent_bytes,
            "originals": self.masked * self.latent_bytes,
        }


def _bytes(port: Port) -> int:
    """Of one row."""
    return port.dtype.itemsize * math.prod(port.shape)


LANES = 2
"""Ticks that may be under way at a time: one that runs, and one that is being brought or taken away."""
