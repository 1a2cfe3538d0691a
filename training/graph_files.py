"""What every student's export does alike: its graphs run by OpenVINO, compared with torch, and only then put in their place."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engines import examples
from engines.examples import Array
from engines.families.modules import GraphModules
from engines.onnx_files import compile_graph
from engines.ports import GRAPHS, Ports, outputs

Inputs = Mapping[str, Mapping[str, Array]]
"""Of each graph, by name."""


def sentence_inputs(ports: Ports, n: int, vocabulary: int, seed: int = 0) -> dict[str, dict[str, Array]]:
    """Inputs of each graph by name, for a batch of n: sentences of any of `vocabulary` words, pixels, noise and steps."""
    made = examples.example_inputs(ports, n, seed)
    rng = np.random.default_rng(seed)
    ids: NDArray[np.int64] = made["text"]["ids"]
    length = ids.shape[1]
    ids[:] = rng.integers(1, vocabulary, ids.shape)
    ids[np.arange(length)[None, :] >= rng.integers(3, length, n)[:, None]] = 0
    return made


def differences(
    ports: Ports, modules: GraphModules, folder: Path, inputs: Callable[[int], Inputs], precision: str = "f32"
) -> dict[str, float]:
    """The largest difference of each output between torch and OpenVINO on a folder's graphs, over batches of 1 and 3.

    `inputs(n)` makes what a batch of n is asked. Raises ValueError where a shape is another.
    """
    off: dict[str, float] = {}
    for name, n in product(GRAPHS, (1, 3)):
        given = inputs(n)[name]
        with torch.no_grad():
            wanted = getattr(modules, name)(*(torch.from_numpy(value) for value in given.values()))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        got = compile_graph(folder / f"{name}.onnx", n, precision)(given)
        for output, a, b in zip(outputs(ports[name]), got, wanted, strict=True):
            if a.shape != tuple(b.shape):
                raise ValueError(f"{name}: {output} has shape {a.shape}, not {tuple(b.shape)}")
            off[output] = max(off.get(output, 0.0), float(np.abs(a.astype(np.float32) - b.float().numpy()).max()))
    return off


def replace_verified(
    to: Path, write: Callable[[Path], None], verify: Callable[[Path], dict[str, float]], within: float
) -> dict[str, float]:
    """Write, verify in float32, and only then replace what lies in `to`; how far each output is off.

    Raises ValueError if one is off by more than `within`, pixels by more than one value.
    """
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to) as name:
        fresh = Path(name)
        write(fresh)
        off = verify(fresh)
        for output, worst in off.items():
            # a pixel on the edge between two values may fall either way
            if worst > (1.0 if output == "pixels" else within):
                raise ValueError(f"{output} is off by {worst} between torch and OpenVINO")
        for path in fresh.iterdir():
            shutil.move(path, to / path.name)
    return off


def print_export(off: Mapping[str, float], folder: Path) -> None:
    """What was written, for whoever ran the command."""
    for output, worst in off.items():
        print(f"{output:14s} off by at most {worst:.2g} from torch")
    for path in sorted(folder.iterdir()):
        print(f"{path.name:16s} {path.stat().st_size / 1e6:.2f} MB")
