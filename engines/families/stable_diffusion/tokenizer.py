"""CLIP's tokenizer as one `tokenizer.json`, which the small library `tokenizers` reads at serving time."""

from pathlib import Path
from typing import Any

from ...errors import EngineError
from ...explain import first_line


def write_tokenizer(folder: Path, to: Path, encoder: Any) -> int:
    """Write the tokenizer of a repository (`vocab.json` and `merges.txt`, or `tokenizer.json`), with its padding and
    its longest prompt set. `encoder` is the config of the text encoder that reads the tokens.

    How many tokens a prompt has. Raises EngineError if it cannot be read or belongs to another encoder; OSError.
    """
    from tokenizers import Tokenizer
    from transformers import CLIPTokenizer

    try:
        published: Any = CLIPTokenizer.from_pretrained(str(folder), local_files_only=True)
        tokenizer = Tokenizer.from_str(published.backend_tokenizer.to_str())
    except Exception as error:  # its parts come from several libraries
        raise EngineError(
            f"the tokenizer in {folder} cannot be read ({first_line(error)}): download or copy it again"
        ) from error
    highest = max(tokenizer.get_vocab().values())
    if highest >= encoder.vocab_size:
        raise EngineError(
            f"the tokenizer in {folder} knows {highest + 1} tokens, and its text encoder {encoder.vocab_size}: "
            f"they belong to different models, so download or copy both again"
        )
    # transformers says 10^30 where a repository does not say
    length = min(int(published.model_max_length), int(encoder.max_position_embeddings))
    tokenizer.enable_truncation(length)
    # SDXL's second tokenizer pads with "!", its first with the end token: what was padded with changes the pictures
    tokenizer.enable_padding(length=length, pad_id=published.pad_token_id, pad_token=published.pad_token)
    to.write_text(tokenizer.to_str())  # its own `save` raises no OSError
    return length
