"""Where an upscaler's weights are, as a student's file states it or a flag."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..student import Upscaler
from .sources import Source, parse_source

SD21 = "stabilityai/stable-diffusion-2-1-base"
"""What OSEDiff was trained over."""
_PLAIN = {"name", "kind", "licence", "prompt", "colours", "tile", "overlap"}
_NETWORK, _ADAPTERS = (".onnx",), (".pkl", ".pt", ".pth", ".bin")


@dataclass(frozen=True, slots=True)
class UpscalerWeights:
    """One file, and for OSEDiff the pipeline that its adapters are over."""

    file: Source
    base: Source | None = None

    def described(self) -> dict[str, Any]:
        return {"file": str(self.file), "base": str(self.base) if self.base else None}


def parse_upscaler(said: Mapping[str, Any], folder: Path) -> Upscaler:
    """An upscaler as the table of a student's file states it; paths are relative to `folder`. Raises ValueError, KeyError."""
    if unknown := set(said) - _PLAIN - {"base", "weights"}:
        known = ", ".join(sorted(_PLAIN | {"base", "weights"}))
        raise ValueError(f"unknown key 'upscale.{min(unknown)}'; known: {known}")
    if "licence" not in said:
        raise ValueError("upscale lacks its licence")
    kind = said["kind"]
    if ("base" in said) != (kind == "osediff"):
        raise ValueError("upscale: osediff states the base that its adapters are over, and a network has none")
    base = parse_source(said["base"], folder) if "base" in said else None
    weights = UpscalerWeights(_file(parse_source(said["weights"], folder)), base)
    plain = {key: said[key] for key in _PLAIN & said.keys() - {"name", "kind"}}
    return Upscaler(said["name"], kind, weights, **plain)


def _file(source: Source) -> Source:
    if not source.file:
        raise ValueError('upscale: weights are one file, name it: { path = "FOLDER", file = "FILE" }')
    return source


def chosen_upscaler(name: str, said: str) -> Upscaler:
    """An upscaler from a flag: a graph in a file, OSEDiff's file, or a pipeline's folder with OSEDiff's file beside
    `model_index.json`. Raises ValueError. Whether they are there is found out by whoever opens them."""
    path = Path(said)
    if said.endswith(_NETWORK):
        return Upscaler(name, "network", UpscalerWeights(Source(path=path.parent, file=path.name)))
    if said.endswith(_ADAPTERS):
        return Upscaler(name, "osediff", UpscalerWeights(Source(path=path.parent, file=path.name), Source(repo=SD21)))
    found = sorted(one for one in path.glob("*") if one.suffix in _ADAPTERS) if path.is_dir() else []
    if len(found) == 1 and (path / "model_index.json").exists():
        return Upscaler(name, "osediff", UpscalerWeights(Source(path=path, file=found[0].name), Source(path=path)))
    raise ValueError(
        f"{name}: an upscaler is a graph (FILE.onnx), OSEDiff's file (osediff.pkl), or the folder of a pipeline of Stable "
        f"Diffusion 2.1 with that file beside model_index.json, not {said!r}"
    )
