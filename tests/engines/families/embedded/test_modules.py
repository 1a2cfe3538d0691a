from pathlib import Path

import numpy as np
import pytest
import torch

from engines.families.embedded.modules import read_modules
from engines.families.modules import GraphModules
from engines.students import load_student


@pytest.fixture(scope="module")
def shipped() -> GraphModules:
    return read_modules(load_student("embedded").graphs)


def test_the_affine_map_is_the_contracts(shipped: GraphModules) -> None:
    n = 2
    x, noise = torch.randn(2, n, 24, 32, 32)
    text, t = torch.randn(n, 24, 128), torch.tensor([0.4, 1.0])
    A, B, alpha, sigma = torch.rand(4, n)
    with torch.no_grad():
        out = shipped.denoise.denoiser(x, t, text)
        x0, x_next = shipped.denoise(x, t, text, A, B, alpha, sigma, noise)
    for i in range(n):
        assert torch.allclose(x0[i], A[i] * x[i] + B[i] * out[i], atol=1e-5)
        assert torch.allclose(x_next[i], alpha[i] * x0[i] + sigma[i] * noise[i], atol=1e-5)


def test_pixels_survive_encoding_and_decoding(shipped: GraphModules) -> None:
    smooth = np.linspace(0, 255, 256, dtype=np.uint8)
    pixels = torch.from_numpy(np.stack([np.add.outer(smooth // 2, smooth // 2)] * 3, -1)[None])
    with torch.no_grad():
        back = shipped.decode(shipped.encode(pixels))
    assert back.dtype == torch.uint8
    assert back.shape == pixels.shape
    assert float((back.float() - pixels.float()).abs().mean()) < 3


def test_missing_graphs_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"text\.onnx"):
        read_modules(tmp_path)
