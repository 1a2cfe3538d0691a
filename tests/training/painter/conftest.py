from pathlib import Path

import numpy as np
import pytest

from training.painter.things import save, things


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawings of all things: each a square of a colour of its own."""
    folder = tmp_path_factory.mktemp("painter")
    count = len(things())
    pixels = np.zeros((count, 2, 64, 64, 4), np.uint8)
    pixels[:, :, 10:54, 10:54, 3] = 255
    pixels[:, :, 10:54, 10:54, :3] = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 1, 3))
    save(folder / "things.npz", pixels)
    return folder
