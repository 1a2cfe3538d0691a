"""Networks from published weights: diffusers' folders, one file in either layout, LoRA files fused."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..architectures import ARCHITECTURES
from ..engine import EngineError
from ..weights import Source, Weights
from .files import ENCODER, MODEL, needed, weights_variant
from .hub import fetch_file, fetch_folder
from .lora import fuse
from .state import read_state

Say = Callable[[str], None]


@dataclass(frozen=True)
class Parts:
    """The networks of one student, in float32, and the folders of its tokenizers."""

    unet: nn.Module
    vae: nn.Module
    encoders: list[nn.Module]
    tokenizers: list[Path]


def load_parts(weights: Weights, architecture: str, say: Say) -> Parts:
    """Fetch and load everything; LoRA files are fused. Raises EngineError that names what is wrong and the remedy."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    encoders = _names("text_encoder", ARCHITECTURES[architecture].text_encoders)
    tokenizers = _names("tokenizer", ARCHITECTURES[architecture].text_encoders)
    checkpoint = _checkpoint(weights.unet, say) if weights.unet is not None and weights.unet.file else None
    whole = checkpoint is not None and any(key.startswith("model.diffusion_model.") for key in checkpoint)

    wanted = [(name, "") for name in tokenizers] + [(name, ENCODER) for name in encoders]
    if weights.unet is None:
        wanted.append(("unet", MODEL))
    if weights.tiny is None:
        wanted.append(("vae", MODEL))
    say(f"reading {weights.base}")
    base = _folder(weights.base, wanted, configs=("unet", "vae"))
    unet_folder = _folder(weights.unet, [("", MODEL)]) if weights.unet is not None and not weights.unet.file else base / "unet"
    unet = _unet(checkpoint, whole, unet_folder, base, weights)
    vae = _vae(checkpoint, whole, base, weights.tiny)
    parts = Parts(unet, vae, [_encoder(base, name) for name in encoders], [base / name for name in tokenizers])
    _check(parts, architecture, str(weights.unet or weights.base))
    networks = {"unet": unet, **dict(zip(encoders, parts.encoders, strict=True))}
    for lora in weights.loras:
        path = lora.source.path / lora.source.file if lora.source.path else fetch_file(lora.source)
        layers = fuse(path, lora.weight, networks)
        say(f"fused {path.name} at {lora.weight:g} into {layers} layers")
    return parts


def _names(stem: str, count: int) -> list[str]:
    return [stem, f"{stem}_2"][:count]


def _checkpoint(source: Source, say: Say) -> dict[str, torch.Tensor]:
    if source.path is None:
        say(f"fetching {source}")
    return read_state(source.path / source.file if source.path else fetch_file(source))


def _folder(source: Source, wanted: Sequence[tuple[str, str]], configs: Sequence[str] = ()) -> Path:
    def choose(names: Sequence[str]) -> list[str]:
        try:
            return needed(names, wanted, configs)
        except EngineError as error:
            raise EngineError(f"{source}: {error}") from error

    if source.path is None:
        return fetch_folder(source, choose)
    if not source.path.is_dir():
        raise EngineError(f"there is no folder {source.path}")
    choose([str(path.relative_to(source.path)) for path in source.path.rglob("*") if path.is_file()])
    return source.path


def _load(kind: Any, folder: Path, stem: str, **options: Any) -> nn.Module:
    """A network of a class from its folder; every weight must be there, of the right shape."""
    names = [path.name for path in folder.iterdir()]
    variant, safe = weights_variant(names, "", stem) or ("", True)
    try:
        network, info = kind.from_pretrained(
            str(folder),
            variant=variant or None,
            use_safetensors=safe,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    except Exception as error:
        said = (str(error) or repr(error)).strip().splitlines()[0][:300]
        raise EngineError(f"the weights in {folder} cannot be loaded ({said}): download or copy them again") from error
    # networks of transformers keep a table of positions in old files that they now compute
    lacking = [key for key in info["missing_keys"] if not key.endswith("position_ids")]
    if lacking or info["mismatched_keys"]:
        raise EngineError(_misfit(str(folder), lacking, [str(key) for key in info["mismatched_keys"]]))
    loaded: nn.Module = network
    return loaded.float()


def _misfit(what: str, lacking: Sequence[str], other_shape: Sequence[str]) -> str:
    said = []
    if lacking:
        said.append(f"lacks {len(lacking)} weights ({', '.join(sorted(lacking)[:3])}, ...)")
    if other_shape:
        said.append(f"has {len(other_shape)} of another shape ({', '.join(sorted(other_shape)[:3])}, ...)")
    return f"{what} {' and '.join(said)}: it is damaged, or belongs to another architecture"


def _unet(checkpoint: Any, whole: bool, folder: Path, base: Path, weights: Weights) -> nn.Module:
    from diffusers import UNet2DConditionModel

    if checkpoint is None:
        return _load(UNet2DConditionModel, folder, MODEL, torch_dtype=torch.float32)
    if not (folder / "config.json").exists():
        raise EngineError(f"{base} has no unet/config.json, which says what network {weights.unet} fills")
    unet: nn.Module = UNet2DConditionModel.from_config(json.loads((folder / "config.json").read_text()))
    if whole:
        from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

        checkpoint = _converted(convert_ldm_unet_checkpoint, checkpoint, unet.config, weights)
    _fill(unet, checkpoint, str(weights.unet))
    return unet.float()


def _vae(checkpoint: Any, whole: bool, base: Path, tiny: Source | None) -> nn.Module:
    import diffusers
    from diffusers import AutoencoderKL

    if tiny is not None:
        return _load(diffusers.AutoencoderTiny, _folder(tiny, [("", MODEL)]), MODEL, torch_dtype=torch.float32)
    if whole and any(key.startswith("first_stage_model.") for key in checkpoint):
        from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

        vae: nn.Module = AutoencoderKL.from_config(json.loads((base / "vae" / "config.json").read_text()))
        _fill(vae, convert_ldm_vae_checkpoint(checkpoint, vae.config), "the checkpoint's VAE")
        return vae.float()
    kind = json.loads((base / "vae" / "config.json").read_text()).get("_class_name", "AutoencoderKL")
    if kind not in ("AutoencoderKL", "AutoencoderTiny"):
        raise EngineError(f"{base}/vae is a {kind}; known are AutoencoderKL and AutoencoderTiny")
    return _load(getattr(diffusers, kind), base / "vae", MODEL, torch_dtype=torch.float32)


def _converted(convert: Callable[..., Any], checkpoint: Any, config: Any, weights: Weights) -> Any:
    try:
        return convert(dict(checkpoint), config=config)
    except (KeyError, IndexError, ValueError) as error:
        raise EngineError(f"{weights.unet} is a checkpoint of another architecture ({error})") from error


def _fill(network: nn.Module, state: dict[str, torch.Tensor], what: str) -> None:
    own = network.state_dict()
    lacking = [key for key in own if key not in state]
    other_shape = [key for key in own if key in state and state[key].shape != own[key].shape]
    if lacking or other_shape:
        raise EngineError(_misfit(what, lacking, other_shape))
    if strange := sorted(set(state) - set(own)):
        raise EngineError(f"{what} has {len(strange)} weights that its network has not ({', '.join(strange[:3])}, ...)")
    network.load_state_dict(state)


def _encoder(base: Path, name: str) -> nn.Module:
    import transformers

    kind = transformers.CLIPTextModelWithProjection if name.endswith("_2") else transformers.CLIPTextModel
    return _load(kind, base / name, ENCODER, dtype=torch.float32)


def _check(parts: Parts, architecture: str, what: str) -> None:
    """Whether the networks go together. Raises EngineError."""
    config: Any = parts.unet.config
    is_xl = config.addition_embed_type == "text_time"
    if is_xl != (len(parts.encoders) == 2):
        found = "Stable Diffusion XL" if is_xl else "Stable Diffusion 1 or 2"
        raise EngineError(f"{what} is a UNet of {found}; this student is of {ARCHITECTURES[architecture].title}")
    width = sum(encoder.config.hidden_size for encoder in parts.encoders)  # type: ignore[union-attr, misc]
    if config.cross_attention_dim != width:
        raise EngineError(
            f"{what} attends to {config.cross_attention_dim} numbers a token, and its text encoder gives {width}: "
            f"they belong to different architectures"
        )
    latents: Any = parts.vae.config
    if config.in_channels != latents.latent_channels:
        raise EngineError(f"{what} takes {config.in_channels} channels, and its VAE gives {latents.latent_channels}")
