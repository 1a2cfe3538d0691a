from pathlib import Path

import pytest
import torch
from torch import Tensor

from training.looks import LOOKS
from training.looks.filters import blur
from training.measures.reader import StyleReader, examine, train

NAMES = ("photo", "blueprint")


def crops(count: int, pixels: int, seed: int) -> Tensor:
    """Soft blots, which take no time to read from a disk."""
    x = blur(torch.randn((count, 3, pixels, pixels), generator=torch.Generator().manual_seed(seed)), 8.0)
    return (0.5 + 4 * x).clamp(0, 1)


def test_a_reader_learns_to_tell_looks_and_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.measures.reader.crops", crops)
    reader = train(NAMES, pictures=2, steps=12, device=torch.device("cpu"), batch=4)
    marks = examine(reader, crops(2, 192, seed=9))
    assert sum(marks.values()) / len(marks) > 0.5
    reader.save(tmp_path / "looks.pt")
    again = StyleReader.load(tmp_path / "looks.pt")
    picture = LOOKS["blueprint"].paint(crops(1, 192, seed=5))
    assert again.names == NAMES
    assert torch.equal(again.logits(picture), reader.logits(picture))
