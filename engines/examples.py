"""Inputs of a student's graphs that are of the right types and shapes, for exports, traces and comparisons."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .ports import BYTE, TOKEN, Port, Ports, inputs

Array = NDArray[Any]


def example_inputs(ports: Ports, rows: int = 2, seed: int = 0) -> dict[str, dict[str, Array]]:
    """Graph to input to an array of so many rows, in the order of the graph's arguments: noise, blocks of colour, tokens 0.

    Numbers of a row are between 0 and 1. Each array is its own: an exporter takes one that is given twice for one input.
    """
    rng = np.random.default_rng(seed)
    return {graph: {name: _example(port, rows, rng) for name, port in inputs(of).items()} for graph, of in ports.items()}


def _example(port: Port, rows: int, rng: np.random.Generator) -> Array:
    shape = (rows, *port.shape)
    if port.dtype == TOKEN:
        return np.zeros(shape, port.dtype)
    if port.dtype == BYTE:
        height, width, *rest = port.shape
        blocks = rng.integers(0, 256, (rows, -(-height // 16), -(-width // 16), *rest), dtype=np.uint8)
        return np.ascontiguousarray(blocks.repeat(16, 1).repeat(16, 2)[:, :height, :width])
    if not port.shape:
        return rng.random(shape, dtype=port.dtype)
    return rng.standard_normal(shape, dtype=port.dtype)
