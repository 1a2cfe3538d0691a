"""Stable Diffusion's variants: what tells one's networks from another's. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """`text_shape` is (tokens, width) of the published weights, `pooled_rows` of them no tokens.

    `tokenizers` has one file for each text encoder, by the name of its input.
    """

    title: str
    text_shape: tuple[int, int]
    multiple: int
    tokenizers: Mapping[str, str]
    pooled_rows: int = 0

    @property
    def text_encoders(self) -> int:
        return len(self.tokenizers)


_ONE = {"ids": "tokenizer.json"}

SD15 = Variant("Stable Diffusion 1.5", (77, 768), 64, _ONE)
SD21 = Variant("Stable Diffusion 2.1", (77, 1024), 64, _ONE)
# the last row is the pooled embedding of the second encoder, padded with zeros to the width of the others
SDXL = Variant("Stable Diffusion XL", (78, 2048), 32, {**_ONE, "ids_2": "tokenizer_2.json"}, pooled_rows=1)
VARIANTS = {"sd15": SD15, "sd21": SD21, "sdxl": SDXL}
"""By the names of their families."""

NETWORKS = "networks.json"
"""Beside the graphs: the classes and configurations that modules are made of again."""
