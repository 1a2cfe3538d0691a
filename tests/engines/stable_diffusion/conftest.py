"""Repositories that the tests of this folder share, and lines that a build says."""

from collections.abc import Callable
from pathlib import Path

import pytest

from .published import write_pipeline, write_tiny


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that mirrors a few of the hub's repositories: a base of each architecture, and both tiny VAEs."""
    root = tmp_path_factory.mktemp("mirror")
    write_pipeline(root / "stable-diffusion-v1-5/stable-diffusion-v1-5", "sd15", seed=1)
    write_pipeline(root / "stabilityai/sd-turbo", "sd21", seed=2)
    write_pipeline(root / "stabilityai/stable-diffusion-xl-base-1.0", "sdxl", seed=3)
    write_tiny(root / "madebyollin/taesd")
    write_tiny(root / "madebyollin/taesdxl")
    return root


@pytest.fixture
def said() -> tuple[list[str], Callable[[str], None]]:
    lines: list[str] = []
    return lines, lines.append
