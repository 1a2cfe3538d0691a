"""What was compiled goes there and back, if it is small."""

from pathlib import Path

import numpy as np

from benchmarks.gpu import kernels
from engines.pytorch.opening import CHOICES, FOLDER


def compiled(folder: Path, size: int) -> Path:
    kept = folder / "sd15-512" / FOLDER / "ab"
    kept.mkdir(parents=True)
    (kept / "code.py").write_text("# kernels\n")
    (kept / "held.lock").write_text("")
    (kept / "binary").write_bytes(np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8).tobytes())
    (folder / "sd15-512" / CHOICES).mkdir()
    (folder / "sd15-512" / CHOICES / "choices.json").write_text("{}")
    (folder / "sd15-512" / "tokenizer.json").write_text("{}")
    return kept


def test_there_and_back(tmp_path: Path) -> None:
    """What torch compiled is where it was, with what was chosen; nothing else travels, and no lock."""
    kept = compiled(tmp_path / "one", 1000)
    said = kernels.pack(tmp_path / "one", tmp_path / "kernels.tar.xz")
    assert "0.0 MiB" in said
    kernels.unpack(tmp_path / "kernels.tar.xz", tmp_path / "other")
    there = {path.relative_to(tmp_path / "other") for path in (tmp_path / "other").rglob("*") if path.is_file()}
    assert there == {Path("sd15-512", FOLDER, "ab", name) for name in ("code.py", "binary")} | {
        Path("sd15-512", CHOICES, "choices.json")
    }
    assert (tmp_path / "other/sd15-512" / FOLDER / "ab/binary").read_bytes() == (kept / "binary").read_bytes()


def test_too_large(tmp_path: Path) -> None:
    """What would not be carried is not left in the way of what is."""
    compiled(tmp_path / "one", 50_000)
    said = kernels.pack(tmp_path / "one", tmp_path / "kernels.tar.xz", most=10_000)
    assert "more than" in said
    assert not (tmp_path / "kernels.tar.xz").exists()


def test_nothing(tmp_path: Path) -> None:
    """Nothing compiled is no file."""
    assert kernels.pack(tmp_path, tmp_path / "kernels.tar.xz").startswith("nothing compiled")
