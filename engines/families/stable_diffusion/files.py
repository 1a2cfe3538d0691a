"""Which files of a repository in diffusers' layout are needed, and which of several forms of the same weights."""

import re
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from ...errors import EngineError

MODEL, ENCODER = "diffusion_pytorch_model", "model"
"""How diffusers and transformers call a network's file."""

INDEX = ".json"
"""How the name of the table of contents of weights in several files ends."""


def weights_files(names: Collection[str], folder: str, stem: str) -> list[str]:
    """The files of one form of a folder's weights: one file, or an index followed by its parts; none if it has no weights.

    Half precision first, since graphs store no more; safetensors first within one precision.
    """
    place = f"{folder}/" if folder else ""
    for variant in (".fp16", ""):
        for ending in ("safetensors", "bin"):
            # transformers calls its networks' files of torch's format otherwise
            name = "pytorch_model" if stem == ENCODER and ending == "bin" else stem
            if found := _form(names, place, name, variant, ending):
                return found
    return []


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
            found = weights_files(names, folder, stem)
            files = [*found, f"{place}config.json"] if found else []
        if not files or not set(files) <= set(names):
            lacking = f"{place}config.json" if files else f"{place}{stem or '...'}"
            raise EngineError(
                f"{lacking} is not among its {len(names)} files: it is not a whole repository in diffusers' layout"
            )
        chosen += files
    return chosen + [f"{folder}/config.json" for folder in configs if f"{folder}/config.json" in names]


def _form(names: Collection[str], place: str, stem: str, variant: str, ending: str) -> list[str]:
    whole = f"{place}{stem}{variant}.{ending}"
    if whole in names:
        return [whole]
    index = f"{place}{stem}.{ending}.index{variant}{INDEX}"
    if index not in names:
        return []
    # newer diffusers puts the variant before the part's number, older after it
    number = r"-\d+-of-\d+"
    middle = f"({re.escape(variant)}{number}|{number}{re.escape(variant)})"
    pattern = re.compile(rf"{re.escape(stem)}{middle}\.{ending}")
    parts = [name for name in names if name.startswith(place) and pattern.fullmatch(PurePosixPath(name).name)]
    return [index, *sorted(parts)]
