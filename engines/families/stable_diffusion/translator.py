"""Image translators: what makes a base repaint pictures in one step, in the files of GaParmar/img2img-turbo.

A file changes the UNet by adapters, and gives it a first layer of its own; and it changes the autoencoder by adapters, and
gives it skip connections. Of pix2pix-turbo it holds those changes alone; of CycleGAN-turbo two whole autoencoders with their
adapters, one for each direction, and the UNet's adapters in three parts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import EngineError
from .adapters import PEFT_ALPHA, fuse_adapters
from .networks import State, make
from .skips import LEVELS, SkippingVae, check_levels
from .state import read_plain

DIRECTIONS = {"a2b": "vae.", "b2a": "vae_b2a."}
"""Of CycleGAN-turbo, and the autoencoder of each."""

_PAIRED = ("rank_unet", "rank_vae", "state_dict_unet", "state_dict_vae")
_UNPAIRED = ("rank_unet", "rank_vae", "sd_encoder", "sd_decoder", "sd_other", "sd_vae_dec")
_OLD, _NEW = "conv_in.conv_in_pretrained.", "conv_in.conv_in_curr."
"""Of a first layer that is kept beside the base's own, and blended with it (the authors' TwinConv)."""


@dataclass(frozen=True)
class Translator:
    """A file that was read. `unet` and `vae` are parameters with adapters; `unet_alpha` of the UNet's adapters.

    Where the autoencoder is whole, nothing of the base's is used. With `unit` it is told colours from 0 to 1.
    """

    what: str
    unet: tuple[State, ...]
    unet_alpha: float
    vae: State
    whole_vae: bool
    unit: bool


def read_translator(path: Path, direction: str) -> Translator:
    """Raises EngineError if the file is none, is damaged, or has not that direction; an empty one is of a file of one."""
    what = f"the translator {path}"
    held = read_plain(path)
    if not isinstance(held, Mapping) or not ("state_dict_unet" in held or "sd_vae_dec" in held):
        raise EngineError(
            f"{path} is no translator in the layout of img2img-turbo (state_dict_unet, or sd_vae_dec, is not in it): give one "
            f"that is"
        )
    unpaired = "sd_vae_dec" in held
    if lacking := [key for key in (_UNPAIRED if unpaired else _PAIRED) if key not in held]:
        raise EngineError(f"{what} lacks {', '.join(lacking)}: it is damaged, so download or copy it again")
    if unpaired != bool(direction):
        have = f"two ways: say direction = {' or '.join(map(repr, DIRECTIONS))}" if unpaired else "one way: leave direction out"
        raise EngineError(f"{what} goes {have}")
    ranks = {network: _rank(held[f"rank_{network}"], network, what) for network in ("unet", "vae")}
    if unpaired:
        unet = tuple(_table(held, key, what) for key in ("sd_encoder", "sd_decoder", "sd_other"))
        prefix = DIRECTIONS[direction]
        vae = {
            name.removeprefix(prefix): weight
            for name, weight in _table(held, "sd_vae_dec", what).items()
            if name.startswith(prefix)
        }
    else:
        unet, vae = (_table(held, "state_dict_unet", what),), _table(held, "state_dict_vae", what)
    for part in unet:
        _check_ranks(part, ranks["unet"], "unet", what)
    _check_ranks(vae, ranks["vae"], "vae", what)
    # the authors name alpha in the one of the two alone
    return Translator(what, unet, ranks["unet"] if unpaired else PEFT_ALPHA, vae, unpaired, unit=not unpaired)


def translate(translator: Translator, weight: float, unet: nn.Module, vae: Any) -> nn.Module:
    """The UNet changed in place, and the autoencoder changed, with its skip connections: a new network.

    `weight` is how much all changes count, and the connections (r of the authors' stochastic mode: its noise is the
    contract's). Raises EngineError if they were made for another base.
    """
    what = translator.what
    check_levels({**vae.config, "_class_name": type(vae).__name__}, what)
    for part in translator.unet:
        fuse_adapters(unet, _blended(part, weight, what), f"{what} (its UNet)", weight * translator.unet_alpha)
    own = {} if translator.whole_vae else vae.state_dict()
    adapters = {name: one for name, one in translator.vae.items() if ".lora_" in name}
    whole = {name.replace(".base_layer.", "."): one for name, one in translator.vae.items() if name not in adapters}
    made: Any = make(SkippingVae, vae.config, {**own, **whole}, f"{what} (its autoencoder)")
    fuse_adapters(made, adapters, f"{what} (its autoencoder)", weight * PEFT_ALPHA)
    with torch.no_grad():
        for number in range(1, LEVELS + 1):
            getattr(made.decoder, f"skip_conv_{number}").weight.mul_(weight)
    return made  # type: ignore[no-any-return]


def _blended(state: State, weight: float, what: str) -> State:
    """A first layer beside the base's own is one, of so much of each."""
    blended = {name: one for name, one in state.items() if not name.startswith((_OLD, _NEW))}
    for kind in ("weight", "bias") if len(blended) < len(state) else ():
        old, new = state.get(_OLD + kind), state.get(_NEW + kind)
        if old is None or new is None or old.shape != new.shape:
            raise EngineError(f"{what} lacks a half of conv_in.{kind}: it is damaged, so download or copy it again")
        blended[f"conv_in.{kind}"] = (1 - weight) * old + weight * new
    return blended


def _table(held: Mapping[str, Any], key: str, what: str) -> dict[str, Tensor]:
    state = held[key]
    if not isinstance(state, Mapping) or not state or not all(isinstance(one, Tensor) for one in state.values()):
        raise EngineError(f"{what} holds no tensors in {key}: it is damaged, so download or copy it again")
    return dict(state)


def _rank(said: Any, network: str, what: str) -> int:
    if not isinstance(said, int) or said < 1:
        raise EngineError(f"{what} says {said!r} for rank_{network}, which is no rank: download or copy it again")
    return said


def _check_ranks(state: State, rank: int, network: str, what: str) -> None:
    found = {name: weight.shape[0] if weight.dim() else 0 for name, weight in state.items() if ".lora_A" in name}
    others = [name for name, its in found.items() if its != rank]
    if others:
        more = f", and {len(others) - 1} more are of others" if len(others) > 1 else ""
        raise EngineError(
            f"{what} says that rank_{network} is {rank}, and {others[0]} is of rank {found[others[0]]}{more}: it is damaged, "
            f"so download or copy it again"
        )
