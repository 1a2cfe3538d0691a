"""Prompts to token ids, by the tokenizers that lie beside a student's graphs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from .errors import EngineError

FILES = {"ids": "tokenizer.json", "ids_2": "tokenizer_2.json"}
"""Input of the text graph to file. A student with two text encoders has both."""


class Tokens:
    """Ids of a prompt for each input of the text graph: int64 [tokens], padded and cut to what the student reads."""

    def __init__(self, folder: Path) -> None:
        found = {name: folder / file for name, file in FILES.items() if (folder / file).exists()}
        if "ids" not in found:
            raise EngineError(f"{folder / FILES['ids']} is missing: the graphs there are not whole")
        self._tokenizers = {name: Tokenizer.from_file(str(path)) for name, path in found.items()}

    def encode(self, prompt: str) -> dict[str, NDArray[np.int64]]:
        return {name: np.array(tokenizer.encode(prompt).ids, dtype=np.int64) for name, tokenizer in self._tokenizers.items()}
