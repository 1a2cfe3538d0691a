"""The whole way once, at full size: python -m benchmarks.full_size --folder FOLDER [--model sdxl | sd15-control] [--gpu sm89]

Writes a pipeline of published shapes with random weights, exports it at 512x512, compiles it for OpenVINO and paints, or
builds TensorRT's plans, each stage in a process of its own, and prints a table of seconds and peak memory. Speed does not
depend on the values of the weights. The shapes are Stable Diffusion 1.5's (UNet of 860 million parameters, CLIP ViT-L/14)
or SDXL's (2.6 billion, CLIP ViT-L/14 and OpenCLIP ViT-bigG/14), each with its tiny autoencoder; or the former with a
ControlNet of its shapes (361 million) within the denoiser.
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from engines.choices import Choices
from engines.families.stable_diffusion.weights import Weights
from engines.prepare import prepare
from engines.student import Student
from engines.students import load_student

Stage = Callable[[Path, str], str | None]
"""Of a folder and a model; what it has to say."""

CONTROLLED = "sd15-control"
MODELS = ("sd15", "sdxl", CONTROLLED)
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
UNET_XL: dict[str, Any] = {
    "sample_size": 128,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "block_out_channels": (320, 640, 1280),
    "layers_per_block": 2,
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "use_linear_projection": True,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
"""`unet/config.json` of SDXL."""
CLIP_G: dict[str, Any] = CLIP_L | {
    "hidden_act": "gelu",
    "hidden_size": 1280,
    "intermediate_size": 5120,
    "num_hidden_layers": 32,
    "num_attention_heads": 20,
    "projection_dim": 1280,
    "pad_token_id": 0,
}
"""`text_encoder_2/config.json` of SDXL."""


def write_pipeline(folder: Path, model: str) -> None:
    """A mirror of the hub with the student's base and its tiny autoencoder, of random weights in half precision."""
    import torch
    from diffusers import AutoencoderTiny, ControlNetModel, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    torch.manual_seed(0)
    torch.set_default_dtype(torch.float16)  # or SDXL would not be made in less than 11 GB
    student = _student(model)
    assert isinstance(student.weights, Weights)
    assert student.weights.tiny is not None
    base = folder / student.weights.base.repo
    tiny: Any = AutoencoderTiny()
    tiny.save_pretrained(folder / student.weights.tiny.repo)
    unet: Any = UNet2DConditionModel(**(UNET_XL if model == "sdxl" else UNET))
    unet.save_pretrained(base / "unet", variant="fp16")
    if model == CONTROLLED:
        control: Any = ControlNetModel.from_unet(unet)
        control.save_pretrained(folder / "control", variant="fp16")
    CLIPTextModel(CLIPTextConfig(**CLIP_L)).save_pretrained(base / "text_encoder")
    _write_tokenizer(base / "tokenizer")
    if model == "sdxl":
        CLIPTextModelWithProjection(CLIPTextConfig(**CLIP_G)).save_pretrained(base / "text_encoder_2")
        _write_tokenizer(base / "tokenizer_2")
    name = "StableDiffusionXLPipeline" if model == "sdxl" else "StableDiffusionPipeline"
    (base / "model_index.json").write_text(json.dumps({"_class_name": name}))


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


def _student(model: str) -> Student:
    if model == "sdxl":
        return load_student("sdxl-turbo")
    # SD-Turbo's contract on SD 1.5's shapes: one step, any strength
    turbo, lcm = load_student("sd-turbo"), load_student("lcm-lora-sd15")
    assert isinstance(lcm.weights, Weights)
    weights = replace(lcm.weights, unet=None, loras=())
    return replace(lcm, name="full-size", contract=turbo.contract, weights=weights)


def _ready(folder: Path, model: str) -> Student:
    mirror = folder / f"mirror-{model}"
    controls = (("canny", str(mirror / "control")),) if model == CONTROLLED else ()
    return prepare(_student(model), folder / "cache", Choices(weights=mirror, controls=controls), print)


def export(folder: Path, model: str) -> str:
    """Weights to graphs; the bytes of the graphs."""
    graphs = _ready(folder, model).graphs
    assert graphs is not None
    return f"{sum(path.stat().st_size for path in graphs.iterdir()) / 1e9:.2f} GB of graphs"


def build(folder: Path, model: str, gpus: tuple[str, ...]) -> str:
    """Graphs to TensorRT's plans for ticks of one; their bytes."""
    from engines.tensorrt.build.plans import build_plans

    plans = build_plans(_ready(folder, model), (1,), folder / "cache", gpus, print)
    return ", ".join(f"{plan.stem} {plan.stat().st_size / 1e6:.0f} MB" for plan in sorted(plans.glob("*.plan")))


def paint(folder: Path, model: str) -> str:
    """Compile, or load what is compiled, and paint a still and a repaint; their seconds."""
    import numpy as np

    from engines.engine import Row
    from engines.openvino_engine import OpenVinoEngine

    ready = _ready(folder, model)
    began = time.perf_counter()
    engine = OpenVinoEngine(ready, (1,), folder / "cache" / "openvino")
    compiled = time.perf_counter() - began
    began = time.perf_counter()
    conditioning = engine.condition("a red boat on a quiet sea")
    text = time.perf_counter() - began
    image = np.zeros((ready.height, ready.width, 3), dtype=np.uint8)
    seconds: dict[str, float] = {}
    shown: dict[str, Any] = {"control": image[None], "scale": np.ones(1, np.float32)} if model == CONTROLLED else {}
    for name, step, source in (
        ("still", ready.contract.still()[0], None),
        ("repaint", ready.contract.repaint(0.5)[0], image),
    ):
        for _ in range(3):
            began = time.perf_counter()
            painted = engine.tick([Row(1, 0, step, True, conditioning, 1, source, inputs=shown)])[0]
            seconds[name] = min(seconds.get(name, 1e9), time.perf_counter() - began)
        if painted.image is None or painted.image.shape != image.shape:
            raise RuntimeError(f"no picture: {painted.error}")
    return (
        f"{engine.precision}: compiled in {compiled:.1f} s, prompt {1000 * text:.0f} ms, "
        f"still {seconds['still']:.2f} s, repaint {seconds['repaint']:.2f} s"
    )


def _write(folder: Path, model: str) -> None:
    if not (mirror := folder / f"mirror-{model}").exists():
        write_pipeline(mirror, model)


def _in_process(stage: Stage, folder: Path, model: str) -> tuple[float, float, str]:
    """Seconds, peak resident GiB, and what the stage says, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    began = time.perf_counter()
    process = context.Process(target=_run, args=(stage, folder, model, theirs))
    process.start()
    theirs.close()
    try:
        said, peak = ours.recv()
    except EOFError:
        raise SystemExit("the stage failed") from None
    process.join()
    return time.perf_counter() - began, peak, said


def _run(stage: Stage, folder: Path, model: str, answer: Connection) -> None:
    said = stage(folder, model)
    answer.send((said or "", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="takes 8 GB, or 25 of SDXL")
    parser.add_argument("--model", choices=MODELS, default=MODELS[0])
    parser.add_argument("--gpu", help="build TensorRT's plans for these GPUs, such as sm89, in place of painting")
    options = parser.parse_args()
    stages: list[tuple[str, Stage]] = [("random weights", _write), ("export", export)]
    if options.gpu:
        from engines.tensorrt.gpus import parse_gpus

        stages.append((f"plans for {options.gpu}", partial(build, gpus=parse_gpus(options.gpu))))
    else:
        stages += [("first start", paint), ("second start", paint)]
    rows = []
    for name, stage in stages:
        seconds, peak, said = _in_process(stage, options.folder, options.model)
        rows.append(f"| {name} | {seconds:.0f} s | {peak:.1f} GiB | {said} |")
        print(rows[-1], flush=True)
    print("\n| stage | time | peak memory | |\n|---|---|---|---|\n" + "\n".join(rows))


if __name__ == "__main__":
    main()
