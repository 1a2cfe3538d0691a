"""Export a student: weights in, four ONNX graphs and tokenizers out."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..onnx_files import write_graph
from ..student import Student
from ..weights import Weights
from .graphs import Modules, TwoTextsGraph, modules_around
from .load import Say, load_parts
from .tokenizer import write_tokenizer

NETWORKS = "networks.json"
"""What the networks in the graphs are: the classes and configurations that the torch engine makes them of again."""


def build_graphs(student: Student, weights: Weights, folder: Path, say: Say) -> dict[str, Any]:
    """Write the graphs of a student at its size into `folder`; what shapes they have. Raises EngineError."""
    parts = load_parts(weights, student.architecture, say)
    modules = modules_around(parts.unet, parts.vae, parts.encoders, student.width, student.height)
    tokens = [
        write_tokenizer(source, folder / f"tokenizer{'' if not i else f'_{i + 1}'}.json")
        for i, source in enumerate(parts.tokenizers)
    ]
    inputs = example_inputs(modules, student, tokens[0])
    for name, outputs in (
        ("text", ("conditioning",)),
        ("encode", ("latents",)),
        ("decode", ("pixels",)),
        ("denoise", ("x0", "x_next")),
    ):
        began = time.perf_counter()
        path = folder / f"{name}.onnx"
        write_graph(getattr(modules, name), inputs[name], outputs, path)
        say(f"exported {name} in {time.perf_counter() - began:.1f} s")
    (folder / NETWORKS).write_text(json.dumps(_networks(parts, student), indent=1) + "\n")
    return {
        "text_shape": list(inputs["denoise"]["conditioning"].shape[1:]),
        "latent_shape": list(inputs["denoise"]["x"].shape[1:]),
        "guidance": "w" in inputs["denoise"],
    }


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


def _networks(parts: Any, student: Student) -> dict[str, Any]:
    def described(network: Any) -> dict[str, Any]:
        config = network.config.to_dict() if hasattr(network.config, "to_dict") else dict(network.config)
        return {"class": type(network).__name__, "config": json.loads(json.dumps(config, default=str))}

    return {
        "width": student.width,
        "height": student.height,
        "unet": described(parts.unet),
        "vae": described(parts.vae),
        "encoders": [described(encoder) for encoder in parts.encoders],
    }


def read_modules(folder: Path) -> Modules:
    """The modules again, from the graphs: what the torch engine runs. Raises FileNotFoundError, RuntimeError, KeyError."""
    import diffusers
    import transformers
    from accelerate import init_empty_weights

    from ..onnx_files import read_weights

    networks = json.loads((folder / NETWORKS).read_text())
    with init_empty_weights(include_buffers=False):
        unet, vae = (getattr(diffusers, networks[x]["class"]).from_config(networks[x]["config"]) for x in ("unet", "vae"))
        encoders = []
        for said in networks["encoders"]:
            config = transformers.CLIPTextConfig(**said["config"])
            encoders.append(getattr(transformers, said["class"])(config))
    modules = modules_around(unet, vae, encoders, networks["width"], networks["height"])
    # encode and decode share one VAE, and each file holds its half of it
    weights = {name: read_weights(folder / f"{name}.onnx") for name in ("text", "encode", "decode", "denoise")}
    _assign(modules.text, weights["text"])
    _assign(modules.denoise, weights["denoise"])
    _assign(modules.decode, weights["encode"] | weights["decode"])
    return modules


def _assign(module: torch.nn.Module, weights: dict[str, Tensor]) -> None:
    # what a graph lacks its output does not depend on: SDXL uses the last layer but one of its text encoders
    filled = {
        name: weights[name].to(parameter.dtype) if name in weights else torch.zeros(parameter.shape, dtype=parameter.dtype)
        for name, parameter in module.named_parameters()
    }
    module.load_state_dict(filled, strict=False, assign=True)
    module.requires_grad_(False)
