"""A student's networks from published weights: diffusers' folders, one file in either layout, LoRA files fused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from ...errors import EngineError
from ...say import Say
from ..sources import Source
from .controls import read_control, read_control_file
from .files import ENCODER, MODEL, needed
from .hub import fetch_file, fetch_folder
from .lora import fuse
from .networks import State, empty, make, read_config, read_folder
from .parts import Parts, check_parts
from .state import read_state
from .translator import read_translator, translate
from .variants import Variant
from .weights import ControlWeights, Weights
from .whole import Whole, whole_model


def load_parts(weights: Weights, variant: Variant, say: Say) -> Parts:
    """Fetch and load everything; LoRA files are fused. Raises EngineError that names what is wrong and the remedy."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    transformers.utils.logging.set_verbosity_error()
    encoders = _names("text_encoder", variant.text_encoders)
    tokenizers = _names("tokenizer", variant.text_encoders)
    beside = (*(lora.source for lora in weights.loras), *(control.source for control in weights.controls))
    translated = weights.translator
    for source in (weights.base, weights.tiny, weights.unet, *beside, translated.source if translated else None):
        _check_here(source)
    # what is small or may be mistaken first, since a base is gigabytes
    loras = [_path(lora.source, say) for lora in weights.loras]
    translator = read_translator(_path(translated.source, say), translated.direction) if translated else None
    tiny = _folder(weights.tiny, [("", MODEL)], say) if weights.tiny is not None else None
    unet = _folder(weights.unet, [("", MODEL)], say) if weights.unet is not None and not weights.unet.file else None
    file = _read_file(weights.unet, say) if weights.unet is not None and weights.unet.file else None
    whole = whole_model(file) if file is not None else None

    # of what the one file holds, the base gives the config alone
    wanted = [(name, "") for name in tokenizers]
    wanted += [(name, ENCODER) for i, name in enumerate(encoders) if not (whole and whole.has_text(i))]
    wanted += [("unet", MODEL)] if weights.unet is None else []
    wanted += [("vae", MODEL)] if tiny is None and not (whole and whole.has_vae) else []
    base = _folder(weights.base, wanted, say, configs=("unet", "vae", *encoders))
    what = str(weights.unet or weights.base)
    parts = Parts(
        unet=_unet(unet or base / "unet", file, whole, what),
        vae=_vae(tiny or base / "vae", whole if tiny is None else None, what),
        encoders=[_encoder(base / name, i, whole, what) for i, name in enumerate(encoders)],
        tokenizers=[base / name for name in tokenizers],
    )
    check_parts(parts, variant, what)
    if translated is not None and translator is not None:
        vae = translate(translator, translated.weight, parts.unet, parts.vae)
        parts = replace(parts, vae=vae, unit=translator.unit)
        say(f"changed the UNet and the autoencoder by {translated}")
    for control in weights.controls:
        parts.controls[control.name] = _control(control, parts.unet, say)
    networks = {"unet": parts.unet, **dict(zip(encoders, parts.encoders, strict=True))}
    for lora, path in zip(weights.loras, loras, strict=True):
        layers = fuse(path, lora.weight, networks)
        say(f"fused {lora.source} at {lora.weight:g} into {layers} layers")
    return parts


def _control(control: ControlWeights, unet: nn.Module, say: Say) -> nn.Module:
    source, what = control.source, f"the control {control.name} ({control.source})"
    if source.file:
        return read_control_file(read_state(_path(source, say)), unet, what)
    folder = _folder(source, [("", MODEL)], say)
    state, _ = read_folder(folder, MODEL)
    return read_control(read_config(folder, what), state, unet, what)


def _names(stem: str, count: int) -> list[str]:
    return [stem, f"{stem}_2"][:count]


def _check_here(source: Source | None) -> None:
    """Whether what should lie on this machine does, before anything is downloaded. Raises EngineError."""
    if source is not None and source.path is not None and not (source.path / source.file).exists():
        kind = "file" if source.file else "folder"
        raise EngineError(f"there is no {kind} {source}: put the weights there, or say with --weights where they are")


def _read_file(source: Source, say: Say) -> State:
    path = _path(source, say)
    state = read_state(path)
    if all("lora_" in name or name.endswith(".alpha") for name in state):
        raise EngineError(f"{path} is a LoRA, which changes a network and is none: give it with --lora")
    return state


def _path(source: Source, say: Say) -> Path:
    say(f"{'reading' if source.path else 'fetching'} {source}")
    return source.path / source.file if source.path else fetch_file(source)


def _folder(source: Source, wanted: Sequence[tuple[str, str]], say: Say, configs: Sequence[str] = ()) -> Path:
    def choose(names: Sequence[str]) -> list[str]:
        try:
            return needed(names, wanted, configs)
        except EngineError as error:
            raise EngineError(f"{source}: {error}") from error

    say(f"{'reading' if source.path else 'fetching'} {source}")
    if source.path is None:
        return fetch_folder(source, choose)
    choose([path.relative_to(source.path).as_posix() for path in source.path.rglob("*") if path.is_file()])
    return source.path


def _unet(folder: Path, file: State | None, whole: Whole | None, what: str) -> nn.Module:
    """From its folder, or from one file, of which the folder tells the config."""
    from diffusers import UNet2DConditionModel

    if file is None:
        return make(UNet2DConditionModel, read_config(folder, str(folder)), *read_folder(folder, MODEL))
    config = read_config(folder, what)
    if whole is not None:
        network: Any = empty(UNet2DConditionModel, config, what)
        file = whole.unet(network.state_dict().keys(), network.config.layers_per_block)
    return make(UNet2DConditionModel, config, file, what)


def _vae(folder: Path, whole: Whole | None, what: str) -> nn.Module:
    import diffusers

    config = read_config(folder, str(folder))
    kind = config.get("_class_name", "AutoencoderKL")
    if kind not in ("AutoencoderKL", "AutoencoderTiny"):
        raise EngineError(f"{folder} holds a {kind}, which is not known here: give an AutoencoderKL or AutoencoderTiny")
    made = getattr(diffusers, kind)
    if whole is not None and whole.has_vae:
        what = f"the VAE in {what}"
        return make(made, config, whole.vae(empty(made, config, what).state_dict().keys()), what)
    return make(made, config, *read_folder(folder, MODEL))


def _encoder(folder: Path, index: int, whole: Whole | None, what: str) -> nn.Module:
    import transformers

    kind: Any = transformers.CLIPTextModelWithProjection if index else transformers.CLIPTextModel
    config = read_config(folder, str(folder))
    if whole is not None and whole.has_text(index):
        what = f"text encoder {index + 1} in {what}"
        return make(kind, config, whole.text(index, empty(kind, config, what).state_dict().keys()), what)
    return make(kind, config, *read_folder(folder, ENCODER))
