"""What is carried arrives whole, or not at all."""

import json
import tomllib
import zipfile
from collections.abc import Sequence
from importlib.metadata import requires, version
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.gpu import carry


def noise(at: int) -> bytes:
    """What does not become smaller by packing."""
    return np.random.default_rng(at).integers(0, 256, 10_000, dtype=np.uint8).tobytes()


def fetch(names: Sequence[str], python: str, to: Path) -> None:
    """A wheel for each name, of a module, and one of them large."""
    for at, name in enumerate(names):
        with zipfile.ZipFile(to / f"{name.partition('==')[0]}-1-py3-none-any.whl", "w") as wheel:
            wheel.mkdir(f"module_{at}")  # as some have, and others not
            wheel.writestr(f"module_{at}/__init__.py", f"# {name} for {python}\n")
            wheel.writestr(f"module_{at}/lib.so", noise(at))


def test_there_and_back(tmp_path: Path) -> None:
    """Parts are small enough, come one by one in any order, and are unpacked when the last has come."""
    folders = carry.collect(("plots",), "3.12", tmp_path / "carry", 30_000, fetch)
    assert len(folders) == 3
    assert all((folder / "part").stat().st_size <= 30_000 for folder in folders)
    site = tmp_path / "site"
    for number, folder in enumerate(reversed(folders)):
        arrived = tmp_path / f"call {number}"
        arrived.mkdir()
        folder.rename(arrived / folder.name)
        assert carry.unpack(arrived, site) == (["plots"] if number == 2 else [])
    assert (site / "module_0/__init__.py").read_text() == f"# matplotlib=={version('matplotlib')} for 3.12\n"
    assert all((site / f"module_{at}/lib.so").read_bytes() == noise(at) for at in range(len(carry.WHEELS["plots"])))


def test_parts_of_another_packing(tmp_path: Path) -> None:
    """A part that was damaged on its way is found out."""
    folders = carry.collect(("plots",), "3.12", tmp_path, 30_000, fetch)
    (folders[1] / "part").write_bytes(b"something else")
    with pytest.raises(ValueError, match="collect and carry them again"):
        carry.unpack(tmp_path, tmp_path / "site")


def test_the_servers_needs_are_whole() -> None:
    """What the carried packages of the server need is carried with them, or there already, in versions that fit."""
    there = {"numpy", "pillow", "tokenizers", "cuda-bindings"}
    elsewhere = {"openvino", "opencv-python-headless"}  # an engine of its own, and eyes, which are not asked for there
    carried = {canonicalize_name(name) for group in ("base", "server") for name in carry.WHEELS[group]}
    ours = tomllib.loads((carry.ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for name, demands in (("the server", ours), *((name, requires(name) or ()) for name in carry.WHEELS["server"])):
        for demand in map(Requirement, demands):
            if demand.marker is None or demand.marker.evaluate({"extra": "", "python_version": "3.12"}):
                assert canonicalize_name(demand.name) in carried | there | elsewhere, f"{name} needs {demand}"
    pinned = carry._pinned(carry.WHEELS["server"])
    assert all("==" in demand for demand in pinned)
    assert f"pydantic=={version('pydantic')}" in pinned


def test_versions_are_the_projects(tmp_path: Path) -> None:
    """TensorRT-RTX is carried in the version that plans were built with."""
    asked: list[str] = []

    def noting(names: Sequence[str], python: str, to: Path) -> None:
        asked.extend(names)
        fetch(names, python, to)

    carry.collect(("tensorrt",), "3.12", tmp_path, 1 << 20, noting)
    (library, *_) = asked
    name, _, version = library.partition("==")
    assert name == "tensorrt-rtx-cu13-libs"
    assert version in (carry.ROOT / "pyproject.toml").read_text()
    assert json.loads((tmp_path / "tensorrt-1" / "manifest.json").read_text())["parts"] == 1
