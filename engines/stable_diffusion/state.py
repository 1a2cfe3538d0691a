"""Weights in one file: safetensors or torch's own format."""

import pickle
from pathlib import Path

import torch
from torch import Tensor

from ..engine import EngineError


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name. Raises EngineError if it is missing, cut off, or not a file of weights.

    Pickled code is never run: torch's format is read with weights only.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not path.is_file():
        raise EngineError(f"there is no file {path}")
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, map_location="cpu", weights_only=True)
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError) as error:
        said = (str(error) or repr(error)).strip().splitlines()[0][:200]
        raise EngineError(f"{path} is cut off or is not a file of weights ({said}): download or copy it again") from error
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):  # checkpoints of training programs
        state = state["state_dict"]
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise EngineError(f"{path} holds no table of tensors: it is not a file of a network's weights")
    return state
