"""CLIP's tokenizer as one `tokenizer.json`, which the small library `tokenizers` reads at serving time."""

from pathlib import Path
from typing import Any

from ..engine import EngineError


def write_tokenizer(folder: Path, to: Path) -> int:
    """Write the tokenizer of a repository (`vocab.json` and `merges.txt`, or `tokenizer.json`), with its padding and
    its longest prompt set. How many tokens a prompt has. Raises EngineError if it cannot be read.
    """
    from tokenizers import Tokenizer
    from transformers import CLIPTokenizer

    try:
        slow: Any = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
        tokenizer = Tokenizer.from_str(slow.backend_tokenizer.to_str())
    except Exception as error:
        raise EngineError(f"the tokenizer in {folder} cannot be read ({error})") from error
    # transformers says 10^30 where a repository does not say
    length = int(slow.model_max_length) if slow.model_max_length < 10_000 else 77
    tokenizer.enable_truncation(length)
    # SDXL's second tokenizer pads with "!", its first with the end token: what was padded with changes the pictures
    tokenizer.enable_padding(length=length, pad_id=slow.pad_token_id, pad_token=slow.pad_token)
    tokenizer.save(str(to))
    return length
