from pathlib import Path

import torch

from training.looks import LOOKS
from training.measures.reader import StyleReader, examine, train
from training.measures.sources import crops

NAMES = ("photo", "blueprint")


def test_a_reader_learns_to_tell_looks_and_is_kept(tmp_path: Path) -> None:
    reader = train(NAMES, pictures=2, steps=12, device=torch.device("cpu"), batch=4)
    marks = examine(reader, crops(2, 192, seed=9))
    assert sum(marks.values()) / len(marks) > 0.5
    reader.save(tmp_path / "looks.pt")
    again = StyleReader.load(tmp_path / "looks.pt")
    picture = LOOKS["blueprint"].paint(crops(1, 192, seed=5))
    assert again.names == NAMES
    assert torch.equal(again.logits(picture), reader.logits(picture))
