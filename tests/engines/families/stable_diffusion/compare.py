"""What diffusers makes of the same files, and whether two networks are equal."""

from pathlib import Path
from typing import Any

import torch


def pipeline_of(folder: Path, **options: Any) -> Any:
    """diffusers' own reading of a pipeline's folder, in float32."""
    import diffusers

    diffusers.utils.logging.disable_progress_bar()
    pipeline = diffusers.DiffusionPipeline.from_pretrained(str(folder), local_files_only=True, **options).to(torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def same(ours: Any, theirs: Any) -> bool:
    """Whether two networks have the same weights under the same names, to the bit."""
    ours, theirs = ours.state_dict(), theirs.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def all_same(parts: Any, pipeline: Any) -> bool:
    """Whether all networks of a student are those of a pipeline of diffusers."""
    texts = [pipeline.text_encoder, *([pipeline.text_encoder_2] if hasattr(pipeline, "text_encoder_2") else [])]
    pairs = [(parts.unet, pipeline.unet), (parts.vae, pipeline.vae), *zip(parts.encoders, texts, strict=True)]
    return all(same(ours, theirs) for ours, theirs in pairs)
