"""Networks made of a config and filled with weights: each weight there, of its shape, a number, and none left over."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import EngineError
from ...explain import first_line
from .files import INDEX, weights_files
from .state import read_state

State = Mapping[str, Tensor]

_OLD_ATTENTION = re.compile(r"(attentions\.\d+\.)(query|key|value|proj_attn)\.")
"""Names in VAEs that were published before diffusers renamed its attention."""
_NEW_ATTENTION = {"query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"}


def read_config(folder: Path, of: str) -> dict[str, Any]:
    """The config of a network's folder. Raises EngineError if it cannot be read, naming what it is the config `of`."""
    try:
        config = json.loads((folder / "config.json").read_text())
        return dict(config)
    except (OSError, ValueError, TypeError) as error:
        raise EngineError(
            f"{folder / 'config.json'}, which describes the network of {of}, cannot be read ({first_line(error)}): "
            f"download or copy it again"
        ) from error


def read_folder(folder: Path, stem: str) -> tuple[dict[str, Tensor], str]:
    """The weights in a folder, from one file or several, and where they were. Raises EngineError."""
    files = weights_files([path.name for path in folder.iterdir()], "", stem)
    if not files:
        raise EngineError(f"{folder} holds no weights ({stem}.safetensors): download or copy them again")
    first = folder / files[0]
    if not files[0].endswith(INDEX):
        return read_state(first), str(first)
    try:
        parts = sorted(set(json.loads(first.read_text())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EngineError(f"{first} cannot be read ({first_line(error)}): download or copy it again") from error
    state: dict[str, Tensor] = {}
    for part in parts:
        state |= read_state(folder / part)
    return state, str(first)


def make(kind: Any, config: Mapping[str, Any], state: State, what: str) -> nn.Module:
    """A network of a class of diffusers or transformers, in float32. Raises EngineError; `what` says whose weights it has."""
    network = empty(kind, config, what)
    own = network.state_dict()
    state = _renamed(state, own)
    if lacking := [name for name in own if name not in state]:
        raise EngineError(f"{what} lacks {_some(lacking)}: it is damaged, or of another architecture")
    for name, weight in own.items():
        if state[name].shape != weight.shape:
            raise EngineError(
                f"{what} is of another architecture: {name} is {tuple(state[name].shape)} there, "
                f"and {tuple(weight.shape)} in the network that it should fill"
            )
    if strange := [name for name in state if name not in own]:
        raise EngineError(f"{what} holds {_some(strange)}, which its network has not: it is of another architecture")
    filled = {name: state[name].float() for name in own}
    for name, weight in filled.items():
        check_numbers(weight, name, what)
    network.load_state_dict(filled, assign=True)
    return network.eval().requires_grad_(False)


def empty(kind: Any, config: Mapping[str, Any], what: str) -> nn.Module:
    """A network whose weights have shapes and no values yet. Raises EngineError if the config does not describe one."""
    from accelerate import init_empty_weights

    try:
        with init_empty_weights(include_buffers=False):
            network: nn.Module = (
                kind.from_config(dict(config))
                if hasattr(kind, "from_config")
                else kind(kind.config_class.from_dict(dict(config)))
            )
    except Exception as error:  # whatever a wrong number in a config leads to, deep inside the libraries
        raise EngineError(
            f"the config of {what} describes no {kind.__name__} ({first_line(error)}): download or copy it again"
        ) from error
    return network


def check_numbers(weight: Tensor, name: str, what: str) -> None:
    """Raises EngineError if a weight holds anything but numbers."""
    if not bool(torch.isfinite(weight).all()):
        raise EngineError(
            f"{what}: {name} holds values that are no numbers (NaN or infinity), as a training that failed leaves them: "
            f"use other weights"
        )


def bare(name: str) -> str:
    """A text encoder's name without the level that transformers 5.6 dropped, and files and one of its classes still have."""
    return name.removeprefix("text_model.")


def _renamed(state: State, own: State) -> dict[str, Tensor]:
    """The weights under the network's own names, where files of other years have others."""
    theirs = {bare(name): name for name in own}
    renamed = {}
    for name, weight in state.items():
        # a table 0, 1, 2 ..., which text encoders kept in their files and now compute
        if name.endswith("embeddings.position_ids"):
            continue
        name = _OLD_ATTENTION.sub(lambda found: f"{found[1]}{_NEW_ATTENTION[found[2]]}.", name)
        renamed[theirs.get(bare(name), name)] = weight
    return renamed


def _some(names: Sequence[str]) -> str:
    named = ", ".join(sorted(names)[:3])
    return f"{len(names)} weights ({named}{', ...' if len(names) > 3 else ''})" if len(names) > 1 else f"a weight ({named})"
