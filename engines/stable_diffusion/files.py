"""Which files of a repository in diffusers' layout are needed, and which of several forms of the same weights."""

import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from ..engine import EngineError

MODEL, ENCODER = "diffusion_pytorch_model", "model"
"""How diffusers and transformers call a network's file."""


def weights_variant(names: Collection[str], folder: str, stem: str) -> tuple[str, bool] | None:
    """(variant, safe) of the weights to take of a folder, as `from_pretrained` names them; None if it has none.

    Half precision first, since graphs store no more; safetensors first within one precision.
    """
    place = f"{folder}/" if folder else ""
    for variant in ("fp16", ""):
        for safe in (True, False):
            if _weights(names, place, stem, variant, safe):
                return variant, safe
    return None


def needed(names: Sequence[str], folders: Sequence[tuple[str, str]], configs: Sequence[str] = ()) -> list[str]:
    """The files of networks (folder, stem), of tokenizers (folder, ""), and of further folders the config alone.

    Raises EngineError if the repository lacks one.
    """
    chosen = []
    for folder, stem in folders:
        place = f"{folder}/" if folder else ""
        if not stem:
            files = [name for name in names if name.startswith(place)]
        else:
            found = weights_variant(names, folder, stem)
            files = [] if found is None else [*_weights(names, place, stem, *found), f"{place}config.json"]
        if not files or not set(files) <= set(names):
            raise EngineError(f"no {folder or 'weights'} among its {len(names)} files: not a repository in diffusers' layout")
        chosen += files
    return chosen + [f"{folder}/config.json" for folder in configs if f"{folder}/config.json" in names]


def _weights(names: Collection[str], place: str, stem: str, variant: str, safe: bool) -> list[str]:
    ending = ("safetensors" if safe else "bin") if stem == MODEL or safe else "bin"
    stem = "pytorch_model" if stem == ENCODER and not safe else stem
    middle = f".{variant}" if variant else ""
    whole = f"{place}{stem}{middle}.{ending}"
    if whole in names:
        return [whole]
    index = f"{place}{stem}.{ending}.index{middle}.json"
    if index not in names:
        return []
    pattern = re.compile(rf"{re.escape(stem)}({re.escape(middle)})?-\d+-of-\d+({re.escape(middle)})?\.{ending}")
    parts = [name for name in names if name.startswith(place) and pattern.fullmatch(PurePosixPath(name).name)]
    return [index, *sorted(parts)]
