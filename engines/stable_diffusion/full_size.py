"""The whole way once, at full size: python -m engines.stable_diffusion.full_size --folder FOLDER

Writes a pipeline of Stable Diffusion 1.5's published shapes with random weights (UNet of 860 million parameters, CLIP
ViT-L/14's text encoder, TAESD), exports it, compiles it for OpenVINO and paints one image at 512x512, each stage in a
process of its own, and prints a table of seconds and peak memory. Speed does not depend on the values of the weights.
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..choices import Choices
from ..prepare import prepare
from ..student import Student, load_student

STUDENT = "sd-turbo"
_WORDS = 49408
_STOP, _START = "<|endoftext|>", "<|startoftext|>"

UNET: dict[str, Any] = {
    "sample_size": 64,
    "in_channels": 4,
    "out_channels": 4,
    "block_out_channels": (320, 640, 1280, 1280),
    "layers_per_block": 2,
    "cross_attention_dim": 768,
    "attention_head_dim": 8,
}
"""`unet/config.json` of Stable Diffusion 1.5."""
CLIP_L: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "vocab_size": _WORDS,
    "max_position_embeddings": 77,
    "projection_dim": 768,
    "bos_token_id": _WORDS - 2,
    "eos_token_id": _WORDS - 1,
    "pad_token_id": _WORDS - 1,
}
"""The text part of `openai/clip-vit-large-patch14`."""


def write_pipeline(folder: Path) -> None:
    """A mirror of the hub with the student's base and TAESD, of random weights in half precision."""
    import torch
    from diffusers import AutoencoderTiny, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    student = _student()
    assert student.weights is not None
    assert student.weights.tiny is not None
    base = folder / student.weights.base.repo
    networks: list[tuple[Any, Path, str | None]] = [
        (UNet2DConditionModel(**UNET), base / "unet", "fp16"),
        (AutoencoderTiny(), folder / student.weights.tiny.repo, None),
    ]
    for network, place, variant in networks:
        network.half().save_pretrained(place, variant=variant)
    CLIPTextModel(CLIPTextConfig(**CLIP_L)).half().save_pretrained(base / "text_encoder")
    _write_tokenizer(base / "tokenizer")
    (base / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))


def _write_tokenizer(folder: Path) -> None:
    """CLIP's bytes without its merges, and its two last tokens at their places."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + n) for n in range(256 - len(letters))]
    words = {word: i for i, word in enumerate([*letters, *(f"{letter}</w>" for letter in letters)])}
    words |= {_START: _WORDS - 2, _STOP: _WORDS - 1}
    (folder / "vocab.json").write_text(json.dumps(words))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    names = {"bos_token": _START, "eos_token": _STOP, "unk_token": _STOP, "pad_token": _STOP, "model_max_length": 77}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer", **names}))


def _student() -> Student:
    from dataclasses import replace

    # SD-Turbo's contract on SD 1.5's shapes: one step, any strength
    turbo, lcm = load_student(STUDENT), load_student("lcm-lora-sd15")
    assert lcm.weights is not None
    weights = replace(lcm.weights, unet=None, loras=())
    return replace(lcm, name="full-size", contract=turbo.contract, weights=weights)


def export(folder: Path) -> str:
    """Weights to graphs; the bytes of the graphs."""
    ready = prepare(_student(), folder / "cache", Choices(weights=folder / "mirror"), print)
    assert ready.graphs is not None
    return f"{sum(path.stat().st_size for path in ready.graphs.iterdir()) / 1e9:.2f} GB of graphs"


def paint(folder: Path) -> str:
    """Compile, or load what is compiled, and paint a still and a repaint; their seconds."""
    import numpy as np

    from ..engine import Row
    from ..openvino_engine import OpenVinoEngine

    ready = prepare(_student(), folder / "cache", Choices(weights=folder / "mirror"), print)
    began = time.perf_counter()
    engine = OpenVinoEngine(ready, (1,), folder / "cache" / "openvino")
    compiled = time.perf_counter() - began
    began = time.perf_counter()
    conditioning = engine.condition("a red boat on a quiet sea")
    text = time.perf_counter() - began
    image = np.zeros((ready.height, ready.width, 3), dtype=np.uint8)
    seconds: dict[str, float] = {}
    for name, step, source in (
        ("still", ready.contract.still()[0], None),
        ("repaint", ready.contract.repaint(0.5)[0], image),
    ):
        for _ in range(3):
            began = time.perf_counter()
            painted = engine.tick([Row(1, 0, step, True, conditioning, 1, source)])[0]
            seconds[name] = min(seconds.get(name, 1e9), time.perf_counter() - began)
        if painted.image is None or painted.image.shape != image.shape:
            raise RuntimeError(f"no picture: {painted.error}")
    return (
        f"{engine.precision}: compiled in {compiled:.1f} s, prompt {1000 * text:.0f} ms, "
        f"still {seconds['still']:.2f} s, repaint {seconds['repaint']:.2f} s"
    )


def _in_process(stage: Callable[[Path], str | None], folder: Path) -> tuple[float, float, str]:
    """Seconds, peak resident GiB, and what the stage says, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    began = time.perf_counter()
    process = context.Process(target=_run, args=(stage, folder, theirs))
    process.start()
    theirs.close()
    try:
        said, peak = ours.recv()
    except EOFError:
        raise SystemExit(f"{stage.__name__} failed") from None
    process.join()
    return time.perf_counter() - began, peak, said


def _run(stage: Callable[[Path], str | None], folder: Path, answer: Connection) -> None:
    said = stage(folder)
    answer.send((said or "", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def _write(folder: Path) -> None:
    if not (folder / "mirror").exists():
        write_pipeline(folder / "mirror")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="takes 8 GB")
    folder = parser.parse_args().folder
    rows = []
    for name, stage in (("random weights", _write), ("export", export), ("first start", paint), ("second start", paint)):
        seconds, peak, said = _in_process(stage, folder)
        rows.append(f"| {name} | {seconds:.0f} s | {peak:.1f} GiB | {said} |")
        print(rows[-1], flush=True)
    print("\n| stage | time | peak memory | |\n|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
