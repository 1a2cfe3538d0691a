"""Inputs and outputs of a student's four graphs, declared once: what they are called, of which type and shape.

Whoever needs to know reads them here: exports, examples, buffers, checks and engines. So a new input is one line in what
its family declares (`Family.ports`), and its use in the network; `Row.inputs` brings what a row tells it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

GRAPHS = ("text", "encode", "denoise", "decode")

AROUND_TICKS = GRAPHS[1:]
"""The graphs that a tick is made of; prompts are read beside the ticks."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph. `shape` is of one row; the batch stands before it.

    An optional one may be missing in a network, and as an input a row need not tell it: then it is zero.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...] = ()
    optional: bool = False
    output: bool = False


Ports: TypeAlias = Mapping[str, Mapping[str, Port]]
"""Graph to name to port, inputs in the order of the graph's arguments, then outputs."""

RENOISING = frozenset({"alpha_next", "sigma_next", "noise_next"})
"""Inputs of the denoiser that engines do not use: they look noise up and renoise outside the network."""

SHOWN = "shown"
"""An output of a denoiser: what its controls add, by way of this alone, and 0 in rows that are shown nothing. An engine may
compute what leads there in ticks that have rows with controls, and else give the rest of the graph zeros."""

FLOAT, BYTE, TOKEN = np.dtype(np.float32), np.dtype(np.uint8), np.dtype(np.int64)


def inputs(ports: Mapping[str, Port]) -> dict[str, Port]:
    """Those of a graph that it reads."""
    return {name: port for name, port in ports.items() if not port.output}


def outputs(ports: Mapping[str, Port]) -> dict[str, Port]:
    """Those of a graph that it gives. The first is the one that matters: x0 of a denoiser."""
    return {name: port for name, port in ports.items() if port.output}


def told(ports: Mapping[str, Port]) -> dict[str, Port]:
    """Inputs of the denoiser that a row tells: all but latents and what engines do outside the network."""
    return {name: port for name, port in inputs(ports).items() if name != "x" and name not in RENOISING}


def main_output(ports: Mapping[str, Port]) -> str:
    return next(iter(outputs(ports)))


def handed(ports: Ports) -> dict[str, Port]:
    """What the encoder hands to the decoder of the same row beside latents, under one name in both graphs: few students have
    any. A row is encoded and decoded in one tick then, so that it stays where it is."""
    taken, first = inputs(ports["decode"]), main_output(ports["encode"])
    return {name: port for name, port in outputs(ports["encode"]).items() if name in taken and name != first}
