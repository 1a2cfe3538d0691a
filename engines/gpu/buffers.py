"""The memory of an engine's ticks, allocated once: what the networks are bound to, and two lanes to and from it.

The networks of every compiled size are bound to the same addresses, since ticks run one after another. A lane holds what
goes to the device for one tick and what comes back: while a tick runs on what the networks are bound to, the next one's
numbers and pictures arrive in the other lane and the last one's images leave from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..ports import RENOISING, SHOWN
from .cuda import Address, Bytes, Cuda, Event
from .layout import LANES, Block, Layout, Views


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One block in one lane: pinned on the host, the same on the device."""

    block: Block
    host: Bytes
    views: Views
    device: Address


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """`noises` is room for what a tick may bring beside its block of numbers: float32 [2 rows, length]."""

    numbers: Side
    pictures: Side
    weights: Side
    results: Side
    noises: Bytes
    arrived: Event
    painted: Event
    left: Event


class Buffers:
    """Raises OutOfDeviceMemory. `at` is the address of every allocation by the names of `Layout.device_memory`."""

    def __init__(self, cuda: Cuda, layout: Layout) -> None:
        self._cuda, self.layout = cuda, layout
        self.at: dict[str, Address] = {name: cuda.allocate(size) for name, size in layout.device_memory().items()}
        self.inward, self.compute, self.outward = cuda.stream(), cuda.stream(), cuda.stream()
        self.lanes = tuple(self._lane(number) for number in range(LANES))
        for name, size in layout.device_memory().items():
            cuda.clear(self.at[name], size, self.compute)
        cuda.drain()

    def addresses(self) -> dict[str, dict[str, Address]]:
        """What each graph's tensors are bound to.

        Re-noising is done outside the network, where the noise is looked up, so the network's own is given zeros.
        """
        numbers, results = self.layout.numbers.offset, self.layout.results.offset
        told = {name: self.at["numbers"] + numbers[name] for name in self.layout.told}
        idle = dict.fromkeys(RENOISING, self.at["idle"])
        unread = dict.fromkeys(("x_next", SHOWN), self.at["spare"])
        # who has any encodes and decodes every row of a tick, so that a row's places in both are one
        handed = {name: self.at[f"handed {name}"] for name in self.layout.handed}
        return {
            "encode": {"pixels": self.at["pictures"], "latents": self.at["encoded"], **handed},
            "denoise": {**told, **idle, "x": self.at["x"], "x0": self.at["x0"], **unread},
            "decode": {"latents": self.at["decoding"], **handed, "pixels": self.at["results"] + results["pixels"]},
        }

    def bring(self, lane: Lane, rows: int, pictures: int, noises: list[int], masks: Sequence[int] = ()) -> None:
        """Send what has been written to the lane's host side: numbers and prompts of so many rows, and so many pictures.

        `noises` are the places for what lies in the lane's noises, in order, and `masks` those for its weights.
        """
        cuda, size = self._cuda, self.layout.latent_bytes
        for at, place in enumerate(noises):
            cuda.copy_in(self.at["noises"] + place * size, lane.noises[at * size : (at + 1) * size], self.inward)
        self._send(lane.numbers, rows)
        if pictures:
            self._send(lane.pictures, pictures)
        if masks:
            self._send(lane.weights, len(masks))
        cuda.record(lane.arrived, self.inward)
        cuda.wait(self.compute, lane.arrived)
        cuda.copy_within(self.at["numbers"], lane.numbers.device, lane.numbers.block.front(rows), self.compute)
        if pictures:
            cuda.copy_within(self.at["pictures"], lane.pictures.device, lane.pictures.block.front(pictures), self.compute)
        for at, place in enumerate(masks):  # not before: the last tick may read what lay there
            cuda.copy_within(self.at["masks"] + place * size, lane.weights.device + at * size, size, self.compute)

    def take_away(self, lane: Lane, images: int) -> None:
        """Send what the tick gave, with so many images, to the lane's host side; `left` happens when it is there."""
        cuda, front = self._cuda, lane.results.block.front(images)
        cuda.copy_within(lane.results.device, self.at["results"], front, self.compute)
        cuda.record(lane.painted, self.compute)
        cuda.wait(self.outward, lane.painted)
        cuda.copy_out(lane.results.host[:front], lane.results.device, self.outward)
        cuda.record(lane.left, self.outward)

    def _send(self, side: Side, rows: int) -> None:
        front = side.block.front(rows)
        self._cuda.copy_in(side.device, side.host[:front], self.inward)

    def _lane(self, number: int) -> Lane:
        def side(name: str, block: Block) -> Side:
            host = self._cuda.pinned(block.size)
            host[:] = 0
            return Side(block, host, block.views(host), self.at[f"lane {number} {name}"])

        layout = self.layout
        return Lane(
            side("numbers", layout.numbers),
            side("pictures", layout.pictures),
            side("weights", layout.weights),
            side("results", layout.results),
            self._cuda.pinned(2 * layout.rows * layout.latent_bytes),
            self._cuda.event(),
            self._cuda.event(),
            self._cuda.event(),
        )
