"""Whole models in one file as Stability's code saves them: our own inverse of the way back, for tests.

Blocks are counted as that code builds them: one list for the way down, one for the middle, one for the way up.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .published import State, text_state

_RESNET = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0",
           "conv2": "out_layers.3", "conv_shortcut": "skip_connection"}  # fmt: skip
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_VAE_ENDS = {"conv_norm_out": "norm_out"}


Move = Callable[..., None]


def _mover(state: State, moved: State, prefix: str = "") -> Move:
    """Moves the weights under one name to another, of a network's state to `moved`."""

    def move(ours: str, theirs: str, names: dict[str, str] | None = None) -> None:
        for name, weight in state.items():
            if name.startswith(ours + "."):
                rest = name.removeprefix(ours + ".")
                for word, other in (names or {}).items():
                    rest = f"{other}.{rest.removeprefix(word + '.')}" if rest.startswith(word + ".") else rest
                moved[f"{prefix}{theirs}.{rest}"] = weight

    return move


def _way_down(network: Any, move: Move) -> None:
    """What a UNet and a ControlNet have both."""
    move("conv_in", "input_blocks.0.0")
    for i, j in ((1, 0), (2, 2)):
        move(f"time_embedding.linear_{i}", f"time_embed.{j}")
        move(f"add_embedding.linear_{i}", f"label_emb.0.{j}")
    for i, theirs in enumerate(("middle_block.0", "middle_block.2")):
        move(f"mid_block.resnets.{i}", theirs, _RESNET)
    move("mid_block.attentions.0", "middle_block.1")
    n = 1
    for i, block in enumerate(network.down_blocks):
        for j in range(len(block.resnets)):
            move(f"down_blocks.{i}.resnets.{j}", f"input_blocks.{n}.0", _RESNET)
            move(f"down_blocks.{i}.attentions.{j}", f"input_blocks.{n}.1")
            n += 1
        if block.downsamplers:
            move(f"down_blocks.{i}.downsamplers.0.conv", f"input_blocks.{n}.0.op")
            n += 1


def unet_to_stability(unet: Any) -> State:
    """A UNet's weights under `model.diffusion_model`."""
    moved: State = {}
    state = unet.state_dict()
    move = _mover(state, moved, "model.diffusion_model.")
    _way_down(unet, move)
    for ours, theirs in (("conv_norm_out", "out.0"), ("conv_out", "out.2")):
        move(ours, theirs)
    n = 0
    for i, block in enumerate(unet.up_blocks):
        for j in range(len(block.resnets)):
            move(f"up_blocks.{i}.resnets.{j}", f"output_blocks.{n}.0", _RESNET)
            move(f"up_blocks.{i}.attentions.{j}", f"output_blocks.{n}.1")
            n += 1
        if block.upsamplers:
            after = 2 if hasattr(block, "attentions") else 1
            move(f"up_blocks.{i}.upsamplers.0.conv", f"output_blocks.{n - 1}.{after}.conv")
    assert len(moved) == len(state)
    return moved


def control_to_stability(net: Any) -> State:
    """A ControlNet's weights as its authors' code saves them, under `control_model`."""
    moved: State = {}
    state = net.state_dict()
    move = _mover(state, moved, "control_model.")
    _way_down(net, move)
    for i in range(len(net.controlnet_down_blocks)):
        move(f"controlnet_down_blocks.{i}", f"zero_convs.{i}.0")
    move("controlnet_mid_block", "middle_block_out.0")
    hint = net.controlnet_cond_embedding
    names = ["conv_in", *(f"blocks.{i}" for i in range(len(hint.blocks))), "conv_out"]
    for place, name in enumerate(names):
        move(f"controlnet_cond_embedding.{name}", f"input_hint_block.{2 * place}")
    assert len(moved) == len(state)
    return moved


def vae_to_stability(vae: Any) -> State:
    """A VAE's weights under `first_stage_model`. Its attention is made of convolutions there."""
    moved: State = {}
    levels = len(vae.decoder.up_blocks)
    for name, weight in vae.state_dict().items():
        half, *rest = name.split(".")
        if rest[0] in ("down_blocks", "up_blocks"):
            level = rest[1] if half == "encoder" else str(levels - 1 - int(rest[1]))
            what = {"resnets": f"block.{rest[3]}", "downsamplers": "downsample", "upsamplers": "upsample"}[rest[2]]
            end = ".".join(rest[4:]).replace("conv_shortcut", "nin_shortcut")
            name = f"{half}.{'down' if half == 'encoder' else 'up'}.{level}.{what}.{end}"
        elif rest[0] == "mid_block" and rest[1] == "resnets":
            name = f"{half}.mid.block_{int(rest[2]) + 1}.{'.'.join(rest[3:])}"
        elif rest[0] == "mid_block":
            layer = ".".join(rest[3:-1])
            name = f"{half}.mid.attn_1.{_VAE_ATTENTION[layer]}.{rest[-1]}"
            weight = weight[:, :, None, None] if weight.dim() == 2 else weight
        else:
            name = ".".join([half, _VAE_ENDS.get(rest[0], rest[0]), *rest[1:]])
        moved[f"first_stage_model.{name}"] = weight
    return moved


def text_to_open_clip(encoder: Any, prefix: str, layers: int) -> State:
    """A text encoder's weights as OpenCLIP has them, with as many layers: SD 2.1's file has one that is never used."""
    state = {name.removeprefix("text_model."): weight for name, weight in text_state(encoder).items()}
    config = encoder.config
    moved = {
        "token_embedding.weight": state["embeddings.token_embedding.weight"],
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "ln_final.weight": state["final_layer_norm.weight"],
        "ln_final.bias": state["final_layer_norm.bias"],
        "logit_scale": torch.tensor(4.6),
        # OpenCLIP multiplies by it from the right
        "text_projection": state["text_projection.weight"].T if "text_projection.weight" in state else torch.eye(32),
    }
    for i in range(layers):
        layer: Callable[[str], Tensor] = _layer(state, i) if i < config.num_hidden_layers else _noise(state)
        parts = {
            "attn.in_proj_weight": torch.cat([layer(f"self_attn.{x}_proj.weight") for x in "qkv"]),
            "attn.in_proj_bias": torch.cat([layer(f"self_attn.{x}_proj.bias") for x in "qkv"]),
        }
        for kind in ("weight", "bias"):
            for ours, theirs in (("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"),
                                 ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")):  # fmt: skip
                parts[f"{theirs}.{kind}"] = layer(f"{ours}.{kind}")
        moved |= {f"transformer.resblocks.{i}.{name}": weight for name, weight in parts.items()}
    return {prefix + name: weight for name, weight in moved.items()}


def _layer(state: State, i: int) -> Callable[[str], Tensor]:
    return lambda name: state[f"encoder.layers.{i}.{name}"]


def _noise(state: State) -> Callable[[str], Tensor]:
    return lambda name: torch.randn_like(state[f"encoder.layers.0.{name}"])


def whole_model(architecture: str, made: dict[str, Any]) -> State:
    """A whole checkpoint: UNet, VAE, text encoders, and what else such files hold."""
    state = unet_to_stability(made["unet"]) | vae_to_stability(made["vae"])
    if architecture == "sd15":
        state |= {
            f"cond_stage_model.transformer.{name}": weight for name, weight in text_state(made["text_encoder"], True).items()
        }
    elif architecture == "sd21":
        state |= text_to_open_clip(made["text_encoder"], "cond_stage_model.model.", layers=3)
    else:
        first = text_state(made["text_encoder"], old=True)
        state |= {f"conditioner.embedders.0.transformer.{name}": weight for name, weight in first.items()}
        state |= text_to_open_clip(made["text_encoder_2"], "conditioner.embedders.1.model.", layers=2)
    if architecture != "sdxl":
        # the training's own tables
        state |= {name: torch.rand(1000) for name in ("betas", "alphas_cumprod", "sqrt_alphas_cumprod")}
        state |= {"model_ema.decay": torch.tensor(0.9999), "model_ema.num_updates": torch.tensor(1, dtype=torch.int32)}
    return state
