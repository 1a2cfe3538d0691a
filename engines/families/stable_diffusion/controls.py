"""Control networks beside a UNet: read from published weights, held to the UNet's base, and asked for what they add to it.

A ControlNet (Zhang et al. 2023) is half a UNet that sees the picture, and adds to every level on the way down and to the
middle; a T2I-Adapter (Mou et al. 2023) sees the picture alone, and adds to each level within.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import EngineError
from .networks import State, empty, make
from .stability_names import unet_names
from .variants import VARIANTS

_LUMA = (0.299, 0.587, 0.114)
_ALIKE = ("in_channels", "block_out_channels", "layers_per_block", "cross_attention_dim", "addition_embed_type")
"""Of a ControlNet's config, what must be as in its UNet's: else what it adds has nowhere to go, or means nothing."""
_STABILITY = "control_model."
"""Before the names in files of ControlNet's authors."""


def read_control(config: Mapping[str, Any], state: State, unet: nn.Module, what: str) -> nn.Module:
    """A control network from diffusers' folder, whose config says what it is. Raises EngineError."""
    import diffusers

    kind = str(config.get("_class_name", ""))
    if kind not in ("ControlNetModel", "T2IAdapter"):
        raise EngineError(
            f"{what} holds a {kind or 'network of no name'}, which is no control known here: give a ControlNet or a T2I-Adapter"
        )
    network = make(getattr(diffusers, kind), config, state, what)
    check_control(network, unet, what)
    return network


def read_control_file(state: State, unet: nn.Module, what: str) -> nn.Module:
    """A ControlNet from one file, in its authors' layout or diffusers': its shape is its UNet's. Raises EngineError."""
    from diffusers import ControlNetModel

    state = {name.removeprefix(_STABILITY): weight for name, weight in state.items()}
    if "body.0.block1.weight" in state or any(name.startswith("adapter.") for name in state):
        raise EngineError(
            f"{what} is a T2I-Adapter in one file, which does not say its shape: give it as a folder in diffusers' layout"
        )
    with torch.device("meta"):
        config = ControlNetModel.from_unet(unet, load_weights_from_unet=False).config
    if "input_hint_block.0.weight" in state:
        own = empty(ControlNetModel, config, what).state_dict().keys()
        ours = {theirs: name for name, theirs in _stability_names(list(own), config["layers_per_block"]).items()}
        state = {ours.get(name, name): weight for name, weight in state.items()}
    try:
        return make(ControlNetModel, config, state, what)
    except EngineError as error:
        raise EngineError(
            f"{error}. A control network goes with UNets of its own base only: this student's is {_base(unet)}"
        ) from error


def _stability_names(names: Sequence[str], layers_per_block: int) -> dict[str, str]:
    """The authors' name of each of a ControlNet's names (ControlNet's cldm.py)."""
    named = unet_names(names, layers_per_block)
    for name in names:
        head, _, tail = name.rpartition(".")
        parts = head.split(".")
        match parts:
            case ["controlnet_down_blocks", at]:
                named[name] = f"zero_convs.{at}.0.{tail}"
            case ["controlnet_mid_block"]:
                named[name] = f"middle_block_out.0.{tail}"
            case ["controlnet_cond_embedding", "conv_in"]:
                named[name] = f"input_hint_block.0.{tail}"
            case ["controlnet_cond_embedding", "blocks", at]:
                named[name] = f"input_hint_block.{2 * int(at) + 2}.{tail}"
            case ["controlnet_cond_embedding", "conv_out"]:
                blocks = sum(one.startswith("controlnet_cond_embedding.blocks.") and one.endswith(".weight") for one in names)
                named[name] = f"input_hint_block.{2 * blocks + 2}.{tail}"
    return named


def check_control(network: Any, unet: Any, what: str) -> None:
    """Whether a control network is of the UNet's base. Raises EngineError."""
    why = (
        _misfit(network.config, unet.config)
        if hasattr(network, "controlnet_mid_block")
        else _adapter_misfit(network, unet.config)
    )
    if why:
        raise EngineError(
            f"{what} is of another base than this student, which is {_base(unet)}: {why}. Give one that was made for it"
        )


def _misfit(control: Any, unet: Any) -> str:
    for key in _ALIKE:
        theirs, own = (_plain(config.get(key)) for config in (control, unet))
        if theirs != own:
            return f"its {key} is {theirs}, and the UNet's {own}"
    return ""


def _adapter_misfit(network: Any, unet: Any) -> str:
    config, is_xl = network.config, unet.addition_embed_type == "text_time"
    if (config.adapter_type == "full_adapter_xl") != is_xl:
        return f"it is a {config.adapter_type}"
    if list(config.channels) != list(unet.block_out_channels) and not (
        is_xl and list(config.channels[:3]) == list(unet.block_out_channels)
    ):
        return f"its channels are {list(config.channels)}, and the UNet's {list(unet.block_out_channels)}"
    return ""


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value


def _base(unet: Any) -> str:
    width = unet.config.cross_attention_dim
    return next(
        (variant.title for variant in VARIANTS.values() if variant.text_shape[1] == width), f"of {width} numbers a token"
    )


class Controls(nn.Module):
    """All of a student's control networks. What they add to the UNet is added up, each scaled row by row."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, x: Tensor, t: Tensor, told: Mapping[str, Any], control: Tensor, scale: Tensor) -> dict[str, Any]:
        """Pictures uint8 [n, K, H, W, 3] and scales [n, K] to arguments of diffusers' UNet; `told` are those that both take."""
        down: list[Tensor] = []
        within: list[Tensor] = []
        for at, network in enumerate(self.networks):
            picture = control[:, at].permute(0, 3, 1, 2).to(torch.float32) / 255
            much = scale[:, at, None, None, None]
            if hasattr(network, "controlnet_mid_block"):
                *each, middle = _of_control_net(network, x, t, told, picture)
                down = _added(down, [*each, middle], much)
            else:
                within = _added(within, network(_channels(picture, network)), much)
        beside: dict[str, Any] = {}
        if down:
            beside |= {"down_block_additional_residuals": tuple(down[:-1]), "mid_block_additional_residual": down[-1]}
        if within:
            beside["down_intrablock_additional_residuals"] = within
        return beside


def _of_control_net(network: Any, x: Tensor, t: Tensor, told: Mapping[str, Any], picture: Tensor) -> list[Tensor]:
    each, middle = network(x, t, controlnet_cond=picture, return_dict=False, **told)
    return [*each, middle]


def _channels(picture: Tensor, network: Any) -> Tensor:
    """What an adapter takes: colours, or their grey."""
    if network.config.in_channels == 3:
        return picture
    luma = torch.tensor(_LUMA, dtype=picture.dtype, device=picture.device)[:, None, None]
    return (picture * luma).sum(1, keepdim=True)


def _added(before: list[Tensor], more: Sequence[Tensor], much: Tensor) -> list[Tensor]:
    scaled = [much * one for one in more]
    return [one + other for one, other in zip(before, scaled, strict=True)] if before else scaled
