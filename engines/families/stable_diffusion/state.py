"""Weights in one file: safetensors or torch's own format."""

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...errors import EngineError
from ...explain import first_line

_SAFE = (".safetensors", ".sft")


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name. Raises EngineError if it is missing, cut off, or not a file of weights."""
    state = read_plain(path)
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):  # checkpoints of training programs
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise EngineError(f"{path} holds no table of tensors: it is not a file of a network's weights, give one that is")
    return state


def read_plain(path: Path) -> Any:
    """What a file holds: tensors, and in torch's own format also numbers, texts, and containers of them.

    Pickled code is never run: torch's format is read with weights only. Raises EngineError if the file is missing, cut off,
    or holds anything else.
    """
    from safetensors.torch import load_file

    if not path.is_file():
        raise EngineError(f"there is no file {path}: download it, or say with --weights where it is")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the age of a file's format
            return load_file(path) if path.suffix in _SAFE else torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes that are no weights lead a reader anywhere
        if "GLOBAL" in str(error):  # torch's word for whatever is neither a tensor nor a plain container of them
            raise EngineError(
                f"{path} holds Python objects besides its weights, which are not loaded, since that would run their code: "
                f"use a .safetensors file of the same weights"
            ) from error
        raise EngineError(
            f"{path} is cut off or is no file of weights ({first_line(error)}): download or copy it again"
        ) from error


def read_notes(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself, key to text; other files say nothing. Call after `read_state`."""
    from safetensors import safe_open

    if path.suffix not in _SAFE:
        return {}
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})
