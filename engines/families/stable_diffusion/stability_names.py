"""What Stability's code calls the layers that diffusers and transformers call otherwise. Names only: no torch.

A network's layers are named by their place: Stability's UNet counts its blocks through (`input_blocks.4.1`), diffusers'
counts within levels (`down_blocks.1.attentions.0`). Names may be of layers or of their weights.
"""

import re
from collections.abc import Collection

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_LEVEL = re.compile(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.?(.*)")
_MIDDLE = re.compile(r"mid_block\.(resnets|attentions)\.(\d+)\.?(.*)")


def unet_names(names: Collection[str], layers_per_block: int) -> dict[str, str]:
    """Stability's name of each of a UNet's names; those that it has no name for are left out."""
    # an upsampler comes after the attention of its level, where there is one
    attending = {found[1] for name in names if (found := re.match(r"up_blocks\.(\d+)\.attentions\.", name))}
    named = {name: _unet_name(name, layers_per_block + 1, attending) for name in names}
    return {name: theirs for name, theirs in named.items() if theirs}


def _unet_name(name: str, per_level: int, attending: Collection[str]) -> str | None:
    for ours, theirs in _OUTSIDE.items():
        if name == ours or name.startswith(f"{ours}."):
            return theirs + name.removeprefix(ours)
    if found := _MIDDLE.fullmatch(name):
        kind, i, rest = found.groups()
        return f"middle_block.1.{rest}" if kind == "attentions" else f"middle_block.{2 * int(i)}.{_resnet(rest)}"
    if not (found := _LEVEL.fullmatch(name)):
        return None
    way, level, kind, i, rest = found.groups()
    block = int(level) * per_level + int(i)
    if kind == "downsamplers":
        # after the level's layers, and block 0 is conv_in
        return f"input_blocks.{(int(level) + 1) * per_level}.0.{_prefixed(rest, {'conv': 'op'})}"
    if kind == "upsamplers":
        return f"output_blocks.{(int(level) + 1) * per_level - 1}.{2 if level in attending else 1}.{rest}"
    place = f"input_blocks.{block + 1}" if way == "down" else f"output_blocks.{block}"
    return f"{place}.0.{_resnet(rest)}" if kind == "resnets" else f"{place}.1.{rest}"


def vae_names(names: Collection[str]) -> dict[str, str]:
    """Stability's name of each of a VAE's names. Its decoder counts levels from the image's side."""
    levels = 1 + max((int(found[1]) for name in names if (found := re.match(r"decoder\.up_blocks\.(\d+)\.", name))), default=0)

    def up(found: re.Match[str]) -> str:
        return f"up.{levels - 1 - int(found[1])}."

    named = {}
    for name in names:
        theirs = re.sub(r"up_blocks\.(\d+)\.", up, name)
        theirs = re.sub(r"down_blocks\.(\d+)\.", r"down.\1.", theirs)
        theirs = re.sub(r"mid_block\.resnets\.(\d+)\.", lambda found: f"mid.block_{int(found[1]) + 1}.", theirs)
        theirs = re.sub(r"resnets\.(\d+)\.", r"block.\1.", theirs)
        theirs = re.sub(r"(up|down)samplers\.0\.", r"\1sample.", theirs)
        if "mid_block.attentions.0." in theirs:
            for ours, short in (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out")):
                theirs = theirs.replace(f"mid_block.attentions.0.{ours}", f"mid.attn_1.{short}")
        named[name] = theirs.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    return named


_OPEN_CLIP = {
    "embeddings.token_embedding.weight": "token_embedding.weight",
    "embeddings.position_embedding.weight": "positional_embedding",
    "text_projection.weight": "text_projection",
}
_OPEN_CLIP_PARTS = (
    ("encoder.layers.", "transformer.resblocks."),
    ("final_layer_norm", "ln_final"),
    ("layer_norm1", "ln_1"),
    ("layer_norm2", "ln_2"),
    ("mlp.fc1", "mlp.c_fc"),
    ("mlp.fc2", "mlp.c_proj"),
    ("self_attn.out_proj", "attn.out_proj"),
    # queries, keys and values lie in one matrix, in this order
    ("self_attn.q_proj.", "attn.in_proj_"),
    ("self_attn.k_proj.", "attn.in_proj_"),
    ("self_attn.v_proj.", "attn.in_proj_"),
)


def open_clip_name(name: str) -> str:
    """OpenCLIP's name of a text encoder's weight, that of transformers given without `text_model.`."""
    theirs = _OPEN_CLIP.get(name, name)
    for ours, part in _OPEN_CLIP_PARTS:
        theirs = theirs.replace(ours, part)
    return theirs


def _resnet(rest: str) -> str:
    return _prefixed(rest, _RESNET)


def _prefixed(rest: str, names: dict[str, str]) -> str:
    head, dot, tail = rest.partition(".")
    return names.get(head, head) + dot + tail
