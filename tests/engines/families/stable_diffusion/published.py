"""Small networks with random weights, written in the file layouts of published repositories.

Configs and names are as the repositories have them (transformers writes others today), so that reading them is tested and
not only reading what the installed libraries write. Only the widths are small.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

TOKENS = 77
START, END = "<|startoftext|>", "<|endoftext|>"
MODEL, ENCODER = "diffusion_pytorch_model", "model"

State = dict[str, Tensor]


_LETTERS = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256), *range(256, 324))]
VOCABULARY = {
    word: i for i, word in enumerate([*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS), "re", "red</w>", START, END])
}
"""Bytes as CLIP writes them, alone and at a word's end, two merges, and the start and the end last, as in CLIP's own."""


def write_tokenizer(folder: Path, pad: str = END, fast: bool = False) -> None:
    """CLIP's byte-level tokenizer, as `vocab.json` and `merges.txt` or as `tokenizer.json`."""
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(VOCABULARY))
    (folder / "merges.txt").write_text("#version: 0.2\nr e\nre d</w>\n")
    special = {name: {"content": END, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
               for name in ("eos_token", "unk_token")}  # fmt: skip
    special["bos_token"] = {**special["eos_token"], "content": START}
    (folder / "special_tokens_map.json").write_text(json.dumps({**special, "pad_token": pad}))
    config = {"add_prefix_space": False, "do_lower_case": True, "errors": "replace", "model_max_length": TOKENS}
    tokens = {name: {"__type": "AddedToken", **said} for name, said in special.items()}
    (folder / "tokenizer_config.json").write_text(
        json.dumps({**config, **tokens, "pad_token": pad, "tokenizer_class": "CLIPTokenizer"})
    )
    if fast:
        from transformers import CLIPTokenizer

        CLIPTokenizer.from_pretrained(str(folder)).save_pretrained(str(folder))
        for name in ("vocab.json", "merges.txt", "special_tokens_map.json"):
            (folder / name).unlink(missing_ok=True)


def text_encoder(width: int, act: str, projection: int | None = None, layers: int = 2) -> Any:
    """CLIP's text encoder; with a projection it is SDXL's second. Configs name other tokens than there are, as published."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        hidden_size=width, intermediate_size=2 * width, num_hidden_layers=layers, num_attention_heads=4, hidden_act=act,
        vocab_size=len(VOCABULARY), max_position_embeddings=TOKENS, bos_token_id=0, eos_token_id=2, pad_token_id=1,
        projection_dim=projection or width,
    )  # fmt: skip
    return _scattered((CLIPTextModelWithProjection if projection else CLIPTextModel)(config))


def unet(architecture: str, layers: int = 1, guidance: int | None = None) -> Any:
    """Two levels of each architecture's kind, where they differ: which attend, as convolutions or not, and how deep."""
    from diffusers import UNet2DConditionModel

    is_xl = architecture == "sdxl"
    extra: dict[str, Any] = {"use_linear_projection": architecture != "sd15", "time_cond_proj_dim": guidance}
    if is_xl:
        # six sizes of 8 numbers, and the pooled embedding's 24
        extra |= {"addition_embed_type": "text_time", "addition_time_embed_dim": 8}
        extra |= {"projection_class_embeddings_input_dim": 6 * 8 + 24, "transformer_layers_per_block": (1, 2)}
    down = ("DownBlock2D", "CrossAttnDownBlock2D") if is_xl else ("CrossAttnDownBlock2D", "DownBlock2D")
    up = ("CrossAttnUpBlock2D", "UpBlock2D") if is_xl else ("UpBlock2D", "CrossAttnUpBlock2D")
    network = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(16, 32), layers_per_block=layers,
        down_block_types=down, up_block_types=up, norm_num_groups=8, attention_head_dim=(2, 4) if is_xl else 4,
        cross_attention_dim=80 if is_xl else 32, **extra,
    )  # fmt: skip
    return _scattered(network)


def control_net(architecture: str, guidance: int | None = None) -> Any:
    """A ControlNet of `unet`'s base. What begins at zeros in training has values, or it would add nothing."""
    from diffusers import ControlNetModel

    network = ControlNetModel.from_unet(unet(architecture, guidance=guidance), load_weights_from_unet=False)
    with torch.no_grad():
        for weight in network.parameters():
            if not weight.any():
                weight.copy_(0.3 * torch.randn_like(weight))
    return _scattered(network)


def adapter(architecture: str, colours: int = 3) -> Any:
    """A T2I-Adapter of `unet`'s base, of colours or of their grey."""
    from diffusers import T2IAdapter

    kind, factor = ("full_adapter_xl", 16) if architecture == "sdxl" else ("full_adapter", 8)
    widths: dict[str, Any] = {"in_channels": colours, "channels": [16, 32], "num_res_blocks": 1}
    return _scattered(T2IAdapter(**widths, downscale_factor=factor, adapter_type=kind))


def tiny_vae() -> Any:
    from diffusers import AutoencoderTiny

    widths = {"encoder_block_out_channels": (8,) * 4, "decoder_block_out_channels": (8,) * 4}
    network = _scattered(AutoencoderTiny(**widths, num_encoder_blocks=(1, 1, 1, 1), num_decoder_blocks=(1, 1, 1, 1)))
    _contrast(network.decoder.layers[-1], 8.0, middle=0.5)
    return network


def full_vae(architecture: str) -> Any:
    from diffusers import AutoencoderKL

    network = AutoencoderKL(
        block_out_channels=(8, 8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, norm_num_groups=4,
        scaling_factor=0.13025 if architecture == "sdxl" else 0.18215,
    )  # fmt: skip
    network = _scattered(network)
    _contrast(network.decoder.conv_out, 2.0, middle=0.0)
    return network


def networks(architecture: str, layers: int = 1, guidance: int | None = None) -> dict[str, Any]:
    """The networks of a pipeline by its folders' names."""
    made = {"unet": unet(architecture, layers, guidance), "vae": full_vae(architecture)}
    if architecture == "sdxl":
        texts = {"text_encoder": text_encoder(32, "quick_gelu"), "text_encoder_2": text_encoder(48, "gelu", 24)}
    else:
        texts = {"text_encoder": text_encoder(32, "quick_gelu" if architecture == "sd15" else "gelu")}
    return made | texts


def write_network(folder: Path, network: Any, form: str = "safetensors", state: State | None = None) -> None:
    """A network's folder: `config.json`, and the weights in a form that `write_weights` knows."""
    folder.mkdir(parents=True, exist_ok=True)
    is_text = hasattr(network.config, "to_json_file")
    if is_text:
        config = {**network.config.to_diff_dict(), "architectures": [type(network).__name__], "torch_dtype": "float32"}
        (folder / "config.json").write_text(json.dumps(config))
    else:
        network.save_config(folder)
    state = (text_state(network) if is_text else network.state_dict()) if state is None else state
    write_weights(folder, state, ENCODER if is_text else MODEL, form)


def write_weights(folder: Path, state: State, stem: str, form: str) -> None:
    """One file or two, in `form`: safetensors or bin, with `fp16-` and `sharded-` before it."""
    *how, ending = form.split("-")
    variant = ".fp16" if "fp16" in how else ""
    if variant:
        state = {name: weight.half() if weight.is_floating_point() else weight for name, weight in state.items()}
    stem = "pytorch_model" if ending == "bin" and stem == ENCODER else stem
    if "sharded" not in how:
        save_state(state, folder / f"{stem}{variant}.{ending}")
        return
    parts = {name: f"{stem}{variant}-0000{1 + i % 2}-of-00002.{ending}" for i, name in enumerate(sorted(state))}
    for part in set(parts.values()):
        save_state({name: state[name] for name in state if parts[name] == part}, folder / part)
    size = sum(weight.nbytes for weight in state.values())
    index = {"metadata": {"total_size": size}, "weight_map": parts}
    (folder / f"{stem}.{ending}.index{variant}.json").write_text(json.dumps(index))


def save_state(state: State, path: Path) -> Path:
    """One file of weights, by the ending of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file({name: weight.contiguous() for name, weight in state.items()}, path, {"format": "pt"})
    else:
        torch.save(state, path)
    return path


def text_state(encoder: Any, old: bool = False) -> State:
    """A text encoder's weights under the names that all repositories have; older files keep a table of positions."""
    state = {
        name if name.startswith(("text_model.", "text_projection.")) else f"text_model.{name}": weight
        for name, weight in encoder.state_dict().items()
    }
    return state | ({"text_model.embeddings.position_ids": torch.arange(TOKENS)[None]} if old else {})


def old_vae_state(vae: Any) -> State:
    """A VAE's weights under the names that Stable Diffusion 1.5's repository has."""
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    state = {}
    for name, weight in vae.state_dict().items():
        for new, word in old.items():
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{word}.")
        state[name] = weight
    return state


def write_pipeline(
    folder: Path, architecture: str = "sd15", form: str = "safetensors", seed: int = 0, guidance: int | None = None,
    layers: int = 1, fast: bool = False,
) -> Path:  # fmt: skip
    """A whole pipeline as diffusers has it: `model_index.json`, and a folder for each part."""
    write_tokenizer(folder / "tokenizer", fast=fast, pad="!" if architecture == "sd21" else END)
    if architecture == "sdxl":
        write_tokenizer(folder / "tokenizer_2", pad="!", fast=fast)
    torch.manual_seed(seed)
    made = networks(architecture, layers, guidance)
    for name, network in made.items():
        write_network(folder / name, network, form)
    index: dict[str, Any] = {
        "_class_name": "StableDiffusionXLPipeline" if architecture == "sdxl" else "StableDiffusionPipeline",
        "_diffusers_version": "0.19.0",
        "scheduler": ["diffusers", "EulerDiscreteScheduler"],
        **{name: ["transformers", type(made[name]).__name__] for name in made if name.startswith("text")},
        **{name.name: ["transformers", "CLIPTokenizer"] for name in folder.glob("tokenizer*")},
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    if architecture != "sdxl":
        index |= {"feature_extractor": [None, None], "safety_checker": [None, None], "requires_safety_checker": False}
    (folder / "model_index.json").write_text(json.dumps(index))
    scheduler = {"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "num_train_timesteps": 1000}
    scheduler |= {
        "beta_schedule": "scaled_linear",
        "prediction_type": "epsilon",
        "timestep_spacing": "trailing",
        "steps_offset": 1,
    }
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    return folder


def write_tiny(folder: Path) -> Path:
    """A repository like TAESD's: its files lie at the root, beside others of the same weights."""
    torch.manual_seed(7)
    network = tiny_vae()
    write_network(folder, network)
    halves = {half: {name: weight for name, weight in network.state_dict().items() if name.startswith(half)}
              for half in ("encoder", "decoder")}  # fmt: skip
    for half, state in halves.items():
        save_state(state, folder / f"taesd_{half}.safetensors")
    return folder


def _contrast(layer: Any, factor: float, middle: float) -> None:
    """Random networks paint nearly one grey: let the last layer paint from black to white, so that pictures differ."""
    with torch.no_grad():
        layer.weight.mul_(factor)
        layer.bias.fill_(middle)


def _scattered(network: Any) -> Any:
    """Norms and biases start at ones and zeros, where a weight that was mixed up with another would not be noticed."""
    with torch.no_grad():
        for weight in network.parameters():
            if weight.dim() == 1:
                weight.add_(0.05 * torch.randn_like(weight))
    return network.eval().requires_grad_(False)
