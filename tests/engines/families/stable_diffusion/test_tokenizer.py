"""Prompts to ids: as transformers' CLIPTokenizer has them, whatever form a repository has its tokenizer in."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engines.errors import EngineError
from engines.families.stable_diffusion.tokenizer import write_tokenizer
from engines.students import load_student
from engines.tokens import Tokens

from . import published

PROMPTS = [
    "", " ", "red", "Red  RED\n\tred", "a red, red cat!", "it's 3 o'clock", "naïve café ÉCLAIR", "a 🦊 fox 👩‍👩‍👧", "東京の夜",
    "\u00e9 e\u0301", "<|endoftext|> after the end", "<|startoftext|>", "<b>bold</b> &amp; more", "ﬁne ½ ①", "\x00\u200b",
    "red " * 200, "x" * 500, "!", "!!! !",
]  # fmt: skip


def _encoder(words: int = len(published.VOCABULARY), tokens: int = published.TOKENS) -> Any:
    return SimpleNamespace(vocab_size=words, max_position_embeddings=tokens)


def _read(folder: Path) -> Tokens:
    return Tokens(replace(load_student("sd-turbo"), graphs=folder))


def _tokens(to: Path, pad: str = published.END, fast: bool = False) -> tuple[Tokens, Any]:
    from transformers import CLIPTokenizer

    published.write_tokenizer(to / "published", pad, fast)
    assert write_tokenizer(to / "published", to / "tokenizer.json", _encoder()) == published.TOKENS
    return _read(to), CLIPTokenizer.from_pretrained(str(to / "published"))


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("pad", [published.END, "!"])
def test_as_transformers(pad: str, fast: bool, tmp_path: Path) -> None:
    """Every prompt has the ids that transformers gives it, padded and cut, with either of SDXL's paddings."""
    ours, theirs = _tokens(tmp_path, pad, fast)
    for prompt in PROMPTS:
        ids = theirs(prompt, padding="max_length", truncation=True, max_length=published.TOKENS)["input_ids"]
        assert ours.encode(prompt)["ids"].tolist() == ids, prompt


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("pad", [published.END, "!"])
def test_by_hand(pad: str, fast: bool, tmp_path: Path) -> None:
    """Start, words by their merges, end, and padding; a long prompt keeps its end token as the last."""
    ours, _ = _tokens(tmp_path, pad, fast)
    words = (published.START, published.END, "red</w>", "re", "d", "x</w>")
    start, end, red, re, d, x = (published.VOCABULARY[word] for word in words)
    padding = end if pad == published.END else 0
    assert ours.encode("Red x")["ids"].tolist() == [start, red, x, end, *[padding] * 73]
    assert ours.encode("reddx")["ids"].tolist() == [start, re, d, d, x, end, *[padding] * 71]
    assert ours.encode("")["ids"].tolist() == [start, end, *[padding] * 75]
    assert ours.encode("red " * 90)["ids"].tolist() == [start, *[red] * 75, end]
    assert [ours.count(text) for text in ("", "Red x", "reddx", "red " * 90)] == [0, 2, 4, 75]


def test_a_shorter_encoder(tmp_path: Path) -> None:
    """A prompt is as long as the text encoder reads, where the tokenizer does not say or says more."""
    published.write_tokenizer(tmp_path / "published")
    config = json.loads((tmp_path / "published/tokenizer_config.json").read_text())
    del config["model_max_length"]
    (tmp_path / "published/tokenizer_config.json").write_text(json.dumps(config))
    assert write_tokenizer(tmp_path / "published", tmp_path / "tokenizer.json", _encoder(tokens=16)) == 16
    assert _read(tmp_path).encode("red " * 90)["ids"].shape == (16,)


def test_another_models_tokenizer(tmp_path: Path) -> None:
    """A tokenizer with more words than the text encoder has is refused: its ids would point beyond the table."""
    published.write_tokenizer(tmp_path / "published")
    words = len(published.VOCABULARY)
    with pytest.raises(EngineError, match=f"knows {words} tokens, and its text encoder {words - 1}"):
        write_tokenizer(tmp_path / "published", tmp_path / "tokenizer.json", _encoder(words - 1))


@pytest.mark.parametrize(
    ("file", "text"), [("vocab.json", "{"), ("vocab.json", None), ("merges.txt", None), ("vocab.json", "[]")]
)
def test_a_damaged_tokenizer(file: str, text: str | None, tmp_path: Path) -> None:
    """A tokenizer that is cut off, or of which a file is missing, is refused with its folder."""
    published.write_tokenizer(tmp_path / "published")
    (tmp_path / "published" / file).unlink()
    if text is not None:
        (tmp_path / "published" / file).write_text(text)
    with pytest.raises(EngineError, match=f"the tokenizer in {tmp_path}/published .*again"):
        write_tokenizer(tmp_path / "published", tmp_path / "tokenizer.json", _encoder())
