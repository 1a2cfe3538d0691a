"""Prompts to conditioning on the device, beside the ticks: on a stream, with memory and scratch of its own."""

import numpy as np

from ..engine import Conditioning
from ..tokens import Tokens
from .cuda import Cuda, bytes_of
from .network import Network


class Prompter:
    """Runs the text network for one prompt at a time. Raises EngineError; the ticks go on whatever happens here."""

    def __init__(self, cuda: Cuda, network: Network, tokens: Tokens) -> None:
        self._cuda, self._network, self._tokens = cuda, network, tokens
        self._stream, self._done = cuda.stream(), cuda.event()
        self._host = {}
        self._device = {}
        for name, tensor in network.tensors.items():
            memory = cuda.pinned(tensor.size)
            self._host[name] = memory.view(tensor.dtype).reshape(tensor.shape)
            self._device[name] = cuda.allocate(tensor.size)
        network.bind(self._device, cuda.allocate(network.scratch) if network.scratch else 0)

    def condition(self, prompt: str) -> Conditioning:
        """float32 [tokens, width], the caller's own. Waits for the device once."""
        given = self._host["conditioning"]
        try:
            for name, ids in self._tokens.encode(prompt).items():
                self._host[name][0] = ids
                self._cuda.copy_in(self._device[name], bytes_of(self._host[name]), self._stream)
            self._network.enqueue(self._stream)
            self._cuda.copy_out(bytes_of(given), self._device["conditioning"], self._stream)
        finally:  # whatever failed: the next prompt must not be written over one that is being copied
            self._cuda.record(self._done, self._stream)
            self._cuda.synchronise(self._done)
        return np.array(given[0], dtype=np.float32)
