"""Where a student's weights are, as its file says it. Reading them is `engines.families.stable_diffusion`'s."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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


@dataclass(frozen=True, slots=True)
class Lora:
    """A low-rank change of weights, fused at build."""

    source: Source
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Weights:
    """What a student of Stable Diffusion's kind is put together from.

    `base` is a pipeline in diffusers' layout: text encoders, tokenizers, VAE, and the UNet unless `unet` replaces it.
    `tiny` is a small autoencoder used in place of the base's VAE; None means the VAE itself.
    """

    base: Source
    tiny: Source | None
    unet: Source | None = None
    loras: tuple[Lora, ...] = ()


def parse_weights(data: Mapping[str, Any], folder: Path) -> Weights:
    """Weights from a student's file; paths are relative to `folder`. Raises ValueError and KeyError."""

    def source(said: str | Mapping[str, Any]) -> Source:
        if isinstance(said, str):
            return Source(repo=said)
        unknown = set(said) - {"repo", "path", "file", "revision", "weight"}
        if unknown:
            raise ValueError(f"weights: unknown key {min(unknown)!r}")
        path = folder / said["path"] if "path" in said else None
        return Source(said.get("repo", ""), path, said.get("file", ""), said.get("revision", "main"))

    return Weights(
        base=source(data["base"]),
        tiny=source(data["tiny"]),
        unet=source(data["unet"]) if "unet" in data else None,
        loras=tuple(Lora(source(one), float(one.get("weight", 1.0))) for one in data.get("loras", ())),
    )
