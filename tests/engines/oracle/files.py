"""The real graphs of `engines.families.stable_diffusion` around the oracle, as files."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import nn

from engines.families import FAMILIES, family_of
from engines.families.export import write_graphs
from engines.families.modules import GraphModules
from engines.families.stable_diffusion.graphs import modules_around
from engines.graphs import ports
from engines.student import Control, Student
from engines.students import load_student

from .codec import HANDED, ExactCodec, HandingDecode, HandingEncode
from .networks import Oracle, Sees
from .prompts import WORDS, Reader
from .shapes import LATENTS, SIDE, WIDTH

CONTROLS = (Control("first", "canny"), Control("second", "depth"))


def modules(xl: bool = False, controlled: bool = False, handing: bool = False) -> GraphModules:
    """The four graphs around the oracle, in the shape of Stable Diffusion 1.5 or of SDXL, perhaps with two controls, or with
    an encoder that hands its decoder what the picture lacks."""
    encoders: list[nn.Module] = [Reader(0, WIDTH // 2), Reader(WIDTH // 2, WIDTH)] if xl else [Reader()]
    controls = [Sees() for _ in CONTROLS] if controlled else []
    codec = (HandingEncode(), HandingDecode()) if handing else None
    return modules_around(Oracle(xl).float(), ExactCodec(), encoders, SIDE, SIDE, controls, codec)


def write_tokenizers(folder: Path, encoders: int = 1) -> Path:
    """A word is a token, and a prompt is two of them."""
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token=WORDS[0]))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.enable_padding(length=2)
    tokenizer.enable_truncation(2)
    folder.mkdir(parents=True, exist_ok=True)
    for file in list(FAMILIES["sdxl"].tokenizers.values())[:encoders]:
        tokenizer.save(str(folder / file))
    return folder


def small(student: Student, folder: Path, controlled: bool = False, handing: bool = False) -> Student:
    """A student at the oracle's size, its graphs in `folder`."""
    return replace(
        student,
        width=SIDE,
        height=SIDE,
        latent_shape=LATENTS,
        text_shape=(2 + family_of(student).pooled_rows, WIDTH),
        graphs=folder,
        weights=None,
        controls=CONTROLS if controlled else (),
        skips=HANDED if handing else (),
    )


def graphs(folder: Path, controlled: bool = False, handing: bool = False) -> Path:
    """The oracle's graphs in `folder`, written there unless they have been."""
    whole_ = folder / "whole"
    if not whole_.exists():
        write_tokenizers(folder)
        # its denoiser is told a guidance, which not every student with these graphs is
        told = small(load_student("lcm-dreamshaper-v7"), folder, controlled, handing)
        whole = ports(told)
        if handing:  # which two of the graphs know nothing of
            for name in ("text", "denoise"):
                shutil.copy(graphs(folder.parent / "oracle") / f"{name}.onnx", folder)
            whole = {name: whole[name] for name in ("encode", "decode")}
        write_graphs(whole, modules(controlled=controlled, handing=handing), folder, print, "oracle")
        shapes = {"text_shape": told.text_shape, "latent_shape": told.latent_shape, "guidance": True}
        (folder / "shapes.json").write_text(json.dumps(shapes))
        whole_.touch()
    return folder
