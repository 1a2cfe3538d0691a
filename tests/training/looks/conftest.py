from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor


@pytest.fixture(scope="session")
def people() -> Tensor:
    """[2, 3, 128, 128]: a face, and another piece of the same photograph."""
    import skimage

    with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as image:
        pixels = torch.from_numpy(np.asarray(image.convert("RGB"), dtype=np.float32) / 255).permute(2, 0, 1)
    return torch.stack([pixels[:, 50:178, 160:288], pixels[:, 300:428, 120:248]])
