"""OSEDiff (arXiv 2406.08177, cswry/OSEDiff): Stable Diffusion 2.1 in one step from the picture itself, as one graph.

The picture, enlarged before, is encoded; the UNet, told 999, says what of that is noise, though none was added; what is left
is decoded: x0 = (x - sigma eps) / alpha. Its authors publish adapters of the UNet and of the encoder, in one file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import EngineError
from ..families.sources import Source
from ..families.stable_diffusion.adapters import fuse_adapters
from ..families.stable_diffusion.graphs import TextGraph
from ..families.stable_diffusion.hub import fetch_file
from ..families.stable_diffusion.load import load_parts
from ..families.stable_diffusion.networks import empty
from ..families.stable_diffusion.state import read_plain
from ..families.stable_diffusion.tokenizer import write_tokenizer
from ..families.stable_diffusion.variants import SD21
from ..families.stable_diffusion.weights import Weights
from ..families.wrappers import from_bytes, to_bytes
from ..onnx_files import read_weights, write_graph
from ..say import Say
from ..student import Upscaler
from ..student.predictions import PREDICTIONS
from ..student.schedules import VariancePreserving
from .colours import give_back
from .files import ENLARGED, GRAPH, NETWORKS, PIXELS

TIME = 999
_TABLES = ("state_dict_unet", "state_dict_vae")


class OseDiffGraph(nn.Module):
    """pixels uint8 [n, H, W, 3] -> enlarged uint8 [n, H, W, 3]: the same picture, with what enlarging it had left out.

    `conditioning` [1, tokens, width] is of the prompt, which is one for all.
    """

    def __init__(self, unet: nn.Module, vae: nn.Module, conditioning: Tensor, colours: str) -> None:
        super().__init__()
        self.unet, self.vae, self.colours = unet, vae, colours
        self.scale = float(vae.config.scaling_factor)  # type: ignore[union-attr, arg-type]
        self.register_buffer("conditioning", conditioning)
        self.A, self.B = PREDICTIONS["epsilon"](VariancePreserving().level(TIME))

    def forward(self, pixels: Tensor) -> Tensor:
        picture = from_bytes(pixels)
        x = self.vae.encode(picture).latent_dist.mode() * self.scale  # type: ignore[operator]
        told = self.conditioning.expand(x.shape[0], -1, -1)  # type: ignore[operator]
        t = torch.full((x.shape[0],), float(TIME), device=x.device)
        out = self.unet(x, t, encoder_hidden_states=told, return_dict=False)[0]
        made = self.vae.decode((self.A * x + self.B * out) / self.scale).sample * 127.5 + 127.5  # type: ignore[operator]
        if self.colours != "none":
            # from whole levels, as its authors have it; not from bytes, which TensorRT has at the ends of a graph alone
            levels = made.clamp(0, 255).round() / 255
            made = give_back(levels, picture / 2 + 0.5, self.colours) * 255
        return to_bytes(made)


def build(upscaler: Upscaler, file: Source, base: Source, tile: tuple[int, int], folder: Path, say: Say) -> None:
    """Write the graph of an upscaler for tiles of (height, width) into `folder`. Raises EngineError, ImportError, OSError."""
    what = f"the upscaler {upscaler.name} ({file})"
    states = _read(file, what, say)  # what is small first: a base is gigabytes
    parts = load_parts(Weights(base, tiny=None), SD21, say)
    with TemporaryDirectory() as scratch:
        conditioning = _conditioning(upscaler.prompt, parts.tokenizers[0], parts.encoders[0], Path(scratch))
    for network, state in zip((parts.unet, parts.vae), states, strict=True):
        fuse_adapters(network, state, what)
    graph = OseDiffGraph(parts.unet, parts.vae, conditioning, upscaler.colours).eval().requires_grad_(False)
    say(f"exporting the upscaler {upscaler.name}")
    height, width = tile
    try:
        pixels = torch.randint(0, 256, (2, height, width, 3), dtype=torch.uint8)
        write_graph(graph, {PIXELS: pixels}, [ENLARGED], folder / GRAPH)
    except ValueError as error:
        raise EngineError(f"the graph of {what} cannot be written: {error}. Use other weights") from error
    described = {name: _described(network) for name, network in (("unet", parts.unet), ("vae", parts.vae))}
    (folder / NETWORKS).write_text(json.dumps({**described, "colours": upscaler.colours}, indent=1) + "\n")


def read_module(folder: Path) -> OseDiffGraph:
    """The graph as a module again, in float32. Raises OSError, RuntimeError or KeyError if it is not whole."""
    import diffusers

    said = json.loads((folder / NETWORKS).read_text())
    unet, vae = (empty(getattr(diffusers, said[name]["class"]), said[name]["config"], str(folder)) for name in ("unet", "vae"))
    weights = read_weights(folder / GRAPH)
    for network, prefix in ((unet, "unet."), (vae, "vae.")):
        held = {name.removeprefix(prefix): weights[name] for name in weights if name.startswith(prefix)}
        network.load_state_dict({name: held[name] for name in network.state_dict()}, assign=True)
    return OseDiffGraph(unet, vae, weights["conditioning"], said["colours"]).eval().requires_grad_(False)


def _described(network: Any) -> dict[str, Any]:
    return {"class": type(network).__name__, "config": json.loads(json.dumps(dict(network.config), default=str))}


def _read(file: Source, what: str, say: Say) -> list[Mapping[str, Tensor]]:
    """The adapters of the UNet, and those of its autoencoder. Raises EngineError."""
    say(f"{'reading' if file.path else 'fetching'} {file}")
    said = read_plain(file.path / file.file if file.path else fetch_file(file))
    if not isinstance(said, dict) or not all(isinstance(said.get(table), dict) for table in _TABLES):
        raise EngineError(f"{what} is no file of OSEDiff's, which holds {' and '.join(_TABLES)}: give osediff.pkl")
    for rank, table in (("rank_unet", "state_dict_unet"), ("rank_vae", "state_dict_vae")):
        for name, weight in said[table].items():
            if not isinstance(weight, Tensor):
                raise EngineError(f"{what} is damaged: {name} is no tensor. Download or copy it again")
            if ".lora_A." in name and weight.shape[0] != said.get(rank):
                raise EngineError(f"{what} is damaged: {name} is of rank {weight.shape[0]}, and {rank} is {said.get(rank)}")
    return [said[table] for table in _TABLES]


def _conditioning(prompt: str, tokenizer: Path, encoder: nn.Module, scratch: Path) -> Tensor:
    from tokenizers import Tokenizer

    write_tokenizer(tokenizer, scratch / "tokenizer.json", encoder.config)
    ids = Tokenizer.from_file(str(scratch / "tokenizer.json")).encode(prompt).ids
    with torch.no_grad():
        conditioning: Tensor = TextGraph(encoder)(torch.tensor([ids]))
    return conditioning
