"""Export a student: weights in, four ONNX graphs and tokenizers out."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import onnx
import torch
from torch import Tensor

from ...errors import EngineError
from ...onnx_files import read_weights
from ...ports import GRAPHS, Ports
from ...say import Say
from ...student import Student
from ..export import write_graphs
from ..family import Shapes
from ..modules import GraphModules
from .graphs import modules_around
from .load import load_parts
from .networks import empty
from .parts import Parts
from .skips import SkippingVae, codec_around, skip_shapes
from .tokenizer import write_tokenizer
from .variants import NETWORKS, Variant
from .weights import Weights

T = TypeVar("T")
PortsOf = Callable[[Student], Ports]


def build_graphs(student: Student, variant: Variant, weights: Weights, folder: Path, say: Say, ports: PortsOf) -> Shapes:
    """Write the graphs of a student at its size into `folder`; what shapes they have. Raises EngineError.

    `ports` declares the graphs of a student whose shapes are its networks'.
    """
    parts = load_parts(weights, variant, say)
    size, controls = (student.width, student.height), [*parts.controls.values()]
    modules = modules_around(parts.unet, parts.vae, parts.encoders, *size, controls, codec_around(parts.vae, parts.unit))
    guidance = bool(modules.denoise.guidance_width)
    if misfit := student.guidance_misfit(guidance):  # before the export, which takes minutes
        raise EngineError(misfit)
    try:
        tokens = [
            write_tokenizer(source, folder / file, encoder.config)
            for file, source, encoder in zip(variant.tokenizers.values(), parts.tokenizers, parts.encoders, strict=True)
        ]
        shapes = shapes_of(parts, variant, student, tokens[0])
        shaped = replace(student, text_shape=shapes.text, latent_shape=shapes.latents, skips=shapes.skips)
        write_graphs(ports(shaped), modules, folder, say, student.name)
        (folder / NETWORKS).write_text(json.dumps(_networks(parts, modules, folder, student), indent=1) + "\n")
    except OSError as error:
        raise EngineError(
            f"the graphs of {student.name} cannot be written to {folder} ({error.strerror or error}): free space there, or "
            f"choose another folder with --cache"
        ) from error
    return shapes


def shapes_of(parts: Parts, variant: Variant, student: Student, tokens: int) -> Shapes:
    """What graphs of these networks give and take, of prompts of so many tokens."""
    unet: Any = parts.unet.config
    configs: list[Any] = [encoder.config for encoder in parts.encoders]
    return Shapes(
        text=(tokens + variant.pooled_rows, sum(config.hidden_size for config in configs)),
        latents=(unet.in_channels, *student.latent_shape[1:]),
        guidance=unet.time_cond_proj_dim is not None,
        skips=skip_shapes(parts.vae, student.width, student.height),
    )


def _networks(parts: Parts, modules: GraphModules, folder: Path, student: Student) -> dict[str, Any]:
    def described(network: Any) -> dict[str, Any]:
        config = network.config.to_dict() if hasattr(network.config, "to_dict") else dict(network.config)
        return {"class": type(network).__name__, "config": json.loads(json.dumps(config, default=str))}

    written = {name: _weight_names(folder / f"{name}.onnx") for name in GRAPHS}
    return {
        "width": student.width,
        "height": student.height,
        "unet": described(parts.unet),
        "vae": described(parts.vae),
        "encoders": [described(encoder) for encoder in parts.encoders],
        "controls": [described(control) for control in parts.controls.values()],
        # of an autoencoder with skip connections, what it is told
        **({"skips": {"unit": parts.unit}} if skip_shapes(parts.vae, student.width, student.height) else {}),
        # what no image depends on is in no graph: SDXL uses the last layer but one of its text encoders
        "unused": sorted(
            name for graph, held in _held(modules, written) for name, _ in graph.named_parameters() if name not in held
        ),
    }


def _weight_names(path: Path) -> dict[str, None]:
    return dict.fromkeys(tensor.name for tensor in onnx.load(path, load_external_data=False).graph.initializer)


def _held(modules: GraphModules, of_graph: Mapping[str, dict[str, T]]) -> list[tuple[torch.nn.Module, dict[str, T]]]:
    """Each module with what the graphs hold of it. Encode and decode share one VAE, and each file has its half."""
    return [
        (modules.text, of_graph["text"]),
        (modules.denoise, of_graph["denoise"]),
        (modules.decode, of_graph["encode"] | of_graph["decode"]),
    ]


def read_modules(folder: Path) -> GraphModules:
    """The modules again, from the graphs: what the torch engine runs.

    Raises FileNotFoundError, and RuntimeError or KeyError if the libraries' networks have changed since.
    """
    import diffusers
    import transformers

    networks = json.loads((folder / NETWORKS).read_text())
    skips = networks.get("skips")
    unet, vae, *encoders = (
        empty(SkippingVae if i == 1 and skips else getattr(diffusers if i < 2 else transformers, said["class"]),
              said["config"], str(folder))
        for i, said in enumerate((networks["unet"], networks["vae"], *networks["encoders"]))
    )  # fmt: skip
    controls = [empty(getattr(diffusers, said["class"]), said["config"], str(folder)) for said in networks.get("controls", ())]
    codec = codec_around(vae, bool(skips and skips["unit"]))
    modules = modules_around(unet, vae, encoders, networks["width"], networks["height"], controls, codec)
    weights = {name: read_weights(folder / f"{name}.onnx") for name in GRAPHS}
    for module, held in _held(modules, weights):
        _assign(module, held, networks["unused"])
    return modules


def _assign(module: torch.nn.Module, weights: Mapping[str, Tensor], unused: Collection[str]) -> None:
    filled = {
        name: torch.zeros(parameter.shape) if name in unused else weights[name] for name, parameter in module.named_parameters()
    }
    module.load_state_dict(filled, strict=False, assign=True)
    module.requires_grad_(False)
