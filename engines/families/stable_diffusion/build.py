"""Export a student: weights in, four ONNX graphs and tokenizers out."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import torch
from torch import Tensor

from ...errors import EngineError
from ...onnx_files import read_weights, write_graph
from ...say import Say
from ...student import Student
from ...student.weights import Weights
from .graphs import Modules, TwoTextsGraph, modules_around
from .load import load_parts
from .networks import empty
from .parts import Parts
from .tokenizer import write_tokenizer

T = TypeVar("T")

NETWORKS = "networks.json"
"""What the networks in the graphs are: the classes and configurations that the torch engine makes them of again."""


OUTPUTS = {"text": ("conditioning",), "encode": ("latents",), "decode": ("pixels",), "denoise": ("x0", "x_next")}
"""The graphs, and the names of what they give."""


def build_graphs(student: Student, weights: Weights, folder: Path, say: Say) -> dict[str, Any]:
    """Write the graphs of a student at its size into `folder`; what shapes they have. Raises EngineError."""
    parts = load_parts(weights, student.architecture, say)
    modules = modules_around(parts.unet, parts.vae, parts.encoders, student.width, student.height)
    if misfit := student.guidance_misfit(bool(modules.denoise.guidance_width)):  # before the export, which takes minutes
        raise EngineError(misfit)
    try:
        tokens = [
            write_tokenizer(source, folder / f"tokenizer{'' if not i else f'_{i + 1}'}.json", encoder.config)
            for i, (source, encoder) in enumerate(zip(parts.tokenizers, parts.encoders, strict=True))
        ]
        inputs = example_inputs(modules, student, tokens[0])
        for name, outputs in OUTPUTS.items():
            began = time.perf_counter()
            _write(getattr(modules, name), inputs[name], outputs, folder / f"{name}.onnx", student)
            say(f"exported {name} in {time.perf_counter() - began:.1f} s")
        (folder / NETWORKS).write_text(json.dumps(_networks(parts, modules, folder, student), indent=1) + "\n")
    except OSError as error:
        raise EngineError(
            f"the graphs of {student.name} cannot be written to {folder} ({error.strerror or error}): free space there, or "
            f"choose another folder with --cache"
        ) from error
    return {
        "text_shape": list(inputs["denoise"]["conditioning"].shape[1:]),
        "latent_shape": list(inputs["denoise"]["x"].shape[1:]),
        "guidance": "w" in inputs["denoise"],
    }


def _write(graph: torch.nn.Module, inputs: dict[str, Tensor], outputs: Sequence[str], path: Path, student: Student) -> None:
    try:
        with np.errstate(over="ignore"):  # a weight beyond half precision is told by name below
            write_graph(graph, inputs, outputs, path)
    except ValueError as error:
        raise EngineError(
            f"the {path.stem} graph of {student.name} cannot be written: {error}. Use other weights, or a LoRA at a "
            f"smaller weight"
        ) from error


def example_inputs(modules: Modules, student: Student, tokens: int, n: int = 2) -> dict[str, dict[str, Tensor]]:
    """Inputs of each graph by name, for a batch of n."""
    ids = torch.zeros(n, tokens, dtype=torch.int64)
    text = {"ids": ids, "ids_2": ids.clone()} if isinstance(modules.text, TwoTextsGraph) else {"ids": ids}
    with torch.no_grad():
        conditioning = modules.text(*text.values())
    config: Any = modules.denoise.unet.config
    shape = (n, config.in_channels, *student.latent_shape[1:])
    # each a tensor of its own: the exporter takes one tensor given twice for one input
    denoise = {"x": torch.randn(shape), "t": torch.rand(n), "conditioning": conditioning}
    denoise |= {name: torch.rand(n) for name in ("A", "B", "alpha_next", "sigma_next")}
    denoise["noise_next"] = torch.randn(shape)
    if modules.denoise.guidance_width:
        denoise["w"] = torch.rand(n)
    pixels = torch.zeros(n, student.height, student.width, 3, dtype=torch.uint8)
    return {"text": text, "encode": {"pixels": pixels}, "denoise": denoise, "decode": {"latents": torch.randn(shape)}}


def _networks(parts: Parts, modules: Modules, folder: Path, student: Student) -> dict[str, Any]:
    def described(network: Any) -> dict[str, Any]:
        config = network.config.to_dict() if hasattr(network.config, "to_dict") else dict(network.config)
        return {"class": type(network).__name__, "config": json.loads(json.dumps(config, default=str))}

    written = {name: _weight_names(folder / f"{name}.onnx") for name in OUTPUTS}
    return {
        "width": student.width,
        "height": student.height,
        "unet": described(parts.unet),
        "vae": described(parts.vae),
        "encoders": [described(encoder) for encoder in parts.encoders],
        # what no image depends on is in no graph: SDXL uses the last layer but one of its text encoders
        "unused": sorted(
            name for graph, held in _held(modules, written) for name, _ in graph.named_parameters() if name not in held
        ),
    }


def _weight_names(path: Path) -> dict[str, None]:
    return dict.fromkeys(tensor.name for tensor in onnx.load(path, load_external_data=False).graph.initializer)


def _held(modules: Modules, of_graph: Mapping[str, dict[str, T]]) -> list[tuple[torch.nn.Module, dict[str, T]]]:
    """Each module with what the graphs hold of it. Encode and decode share one VAE, and each file has its half."""
    return [
        (modules.text, of_graph["text"]),
        (modules.denoise, of_graph["denoise"]),
        (modules.decode, of_graph["encode"] | of_graph["decode"]),
    ]


def read_modules(folder: Path) -> Modules:
    """The modules again, from the graphs: what the torch engine runs.

    Raises FileNotFoundError, and RuntimeError or KeyError if the libraries' networks have changed since.
    """
    import diffusers
    import transformers

    networks = json.loads((folder / NETWORKS).read_text())
    unet, vae, *encoders = (
        empty(getattr(diffusers if i < 2 else transformers, said["class"]), said["config"], str(folder))
        for i, said in enumerate((networks["unet"], networks["vae"], *networks["encoders"]))
    )
    modules = modules_around(unet, vae, encoders, networks["width"], networks["height"])
    weights = {name: read_weights(folder / f"{name}.onnx") for name in OUTPUTS}
    for module, held in _held(modules, weights):
        _assign(module, held, networks["unused"])
    return modules


def _assign(module: torch.nn.Module, weights: Mapping[str, Tensor], unused: Collection[str]) -> None:
    filled = {
        name: torch.zeros(parameter.shape) if name in unused else weights[name] for name, parameter in module.named_parameters()
    }
    module.load_state_dict(filled, strict=False, assign=True)
    module.requires_grad_(False)
