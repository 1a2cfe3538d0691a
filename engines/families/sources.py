"""Places that weights come from, and what tells apart what lies there."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..digests import Digests

_WEIGHED = {".safetensors", ".bin", ".json", ".txt"}
"""Endings of the files whose contents make a folder of weights what it is."""


@dataclass(frozen=True, slots=True)
class Source:
    """A repository of the Hugging Face hub, or a folder here; of it all, or one file."""

    repo: str = ""
    path: Path | None = None
    file: str = ""
    revision: str = "main"

    def __post_init__(self) -> None:
        if bool(self.repo) == bool(self.path):
            raise ValueError("weights are at a repo or at a path: state one of the two")

    def __str__(self) -> str:
        if self.path:
            return str(self.path / self.file)
        where = self.repo + ("" if self.revision == "main" else f"@{self.revision}")
        return f"{where}/{self.file}" if self.file else where


def parse_source(said: str | Mapping[str, Any], folder: Path, more: frozenset[str] = frozenset()) -> Source:
    """A source as a student's file states it: a repository's name, or a table, which may have `more` keys.

    A path is relative to `folder`. Raises ValueError.
    """
    if isinstance(said, str):
        return Source(repo=said)
    if unknown := set(said) - {"repo", "path", "file", "revision"} - more:
        raise ValueError(f"weights: unknown key {min(unknown)!r}")
    path = folder / said["path"] if "path" in said else None
    return Source(said.get("repo", ""), path, said.get("file", ""), said.get("revision", "main"))


def fingerprint(source: Source, digests: Digests) -> str:
    """A name, and for what lies here, of which content may change under one name, a digest of it."""
    if source.path is None:
        return str(source)
    place = source.path / source.file if source.file else source.path
    if place.is_file():
        return f"{place.name} {digests.of(place)[:16]}"
    files = sorted(path for path in place.rglob("*") if path.suffix in _WEIGHED and path.is_file())
    return f"{place} {digests.of(*files)[:16]}"
