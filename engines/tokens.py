"""Prompts to token ids, by the tokenizers that lie beside a student's graphs."""

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from .errors import EngineError
from .families import family_of
from .student import Student

_UNKNOWN = "<unk>"


class Tokens:
    """Ids of a prompt for each input of the text graph: int64 [tokens], padded and cut to what the student reads."""

    def __init__(self, student: Student) -> None:
        if student.graphs is None:
            raise EngineError(f"the student {student.name!r} has no graphs yet: allaprima build {student.name}")
        files = {name: student.graphs / file for name, file in family_of(student).tokenizers.items()}
        if missing := [file for file in files.values() if not file.exists()]:
            raise EngineError(f"{missing[0]} is missing: the graphs there are not whole")
        self._tokenizers = {name: Tokenizer.from_file(str(path)) for name, path in files.items()}

    def unknown(self, prompt: str) -> list[str]:
        """The words of a prompt that the student does not know, as they were written, each once; empty where all are read.

        Only tokenizers of whole words know of such; those that spell words out read anything.
        """
        words: dict[str, None] = {}
        for tokenizer in self._tokenizers.values():
            unknown = tokenizer.token_to_id(_UNKNOWN)
            if unknown is not None:
                read = tokenizer.encode(prompt)
                words |= {prompt[slice(*at)]: None for at, id in zip(read.offsets, read.ids, strict=True) if id == unknown}
        return list(words)

    def count(self, prompt: str) -> int:
        """Tokens of the prompt's text that are read, none of those that begin, end or pad it; of several inputs the most."""
        return max(tokenizer.encode(prompt).special_tokens_mask.count(0) for tokenizer in self._tokenizers.values())

    def encode(self, prompt: str) -> dict[str, NDArray[np.int64]]:
        return {name: np.array(tokenizer.encode(prompt).ids, dtype=np.int64) for name, tokenizer in self._tokenizers.items()}
