"""Builds that cannot be: told in a sentence, and before minutes are spent where that can be known."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from engines.errors import EngineError
from engines.families import family_of
from engines.families.sources import Source
from engines.families.stable_diffusion.weights import Weights
from engines.student import Guidance, Student
from engines.students import load_student

from .published import ENCODER, write_pipeline, write_tiny, write_weights


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline whose network is told no guidance scale."""
    folder = tmp_path_factory.mktemp("base")
    write_tiny(folder / "tiny")
    return write_pipeline(folder / "pipeline")


def _build(base: Path, folder: Path, **student: Any) -> None:
    made: Student = replace(load_student("instaflow-0.9b"), width=64, height=64, latent_shape=(4, 8, 8), **student)
    weights = Weights(base=Source(path=base), tiny=Source(path=base.parent / "tiny"))
    folder.mkdir(exist_ok=True)
    family_of(made).build(made, weights, folder, lambda said: None)


def test_guidance_that_is_not_taken(base: Path, tmp_path: Path) -> None:
    """A student's file that states a guidance scale needs a network that is told one."""
    with pytest.raises(EngineError, match=r"takes no guidance scale, which its file states: correct \[guidance\]"):
        _build(base, tmp_path, guidance=Guidance(8, 1, 14))
    assert not list(tmp_path.glob("*.onnx"))


def test_guidance_that_is_not_stated(tmp_path: Path) -> None:
    """A network that is told a guidance scale needs a student's file that states it."""
    write_tiny(tmp_path / "tiny")
    base = write_pipeline(tmp_path / "pipeline", guidance=16)
    with pytest.raises(EngineError, match="is told a guidance scale, which its file does not state"):
        _build(base, tmp_path / "graphs")


def test_a_full_disk(base: Path, tmp_path: Path) -> None:
    """A disk without room is told with the folder and the option that chooses another."""
    (tmp_path / "tokenizer.json").symlink_to("/dev/full")
    with pytest.raises(EngineError, match=f"cannot be written to {tmp_path} .No space left on device.: free space .* --cache"):
        _build(base, tmp_path)


def test_a_weight_beyond_half_precision(tmp_path: Path) -> None:
    """A weight that half precision cannot hold is named."""
    write_tiny(tmp_path / "tiny")
    base = write_pipeline(tmp_path / "pipeline")
    state = load_file(base / "text_encoder" / "model.safetensors")
    name = "text_model.embeddings.token_embedding.weight"
    state[name] = torch.where(torch.arange(32) == 3, 1e6, state[name])
    write_weights(base / "text_encoder", state, ENCODER, "safetensors")
    with pytest.raises(EngineError, match=r"the text graph .*token_embedding\.weight does not fit into half precision"):
        _build(base, tmp_path / "graphs")
