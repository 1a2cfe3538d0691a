"""An upscaler by plain PyTorch in float32, on a processor."""

import numpy as np
import torch
from torch import nn

from ..engine import Pixels
from ..errors import EngineError
from .enlarger import Shape


class TorchEnlarger:
    """Runs a module of bytes to bytes, uint8 [n, h, w, 3]."""

    backend, precision = "torch", "fp32"

    def __init__(self, module: nn.Module, shape: Shape, device: str = "cpu") -> None:
        self.shape, self.device = shape, device
        self._module = module.to(device)

    def enlarge(self, tile: Pixels) -> Pixels:
        try:
            with torch.inference_mode():
                made = self._module(torch.from_numpy(tile[None].copy()).to(self.device))
        except RuntimeError as error:
            raise EngineError(f"torch failed in the upscaler: {error}") from error
        return np.ascontiguousarray(made[0].cpu().numpy())

    def close(self) -> None:
        del self._module
