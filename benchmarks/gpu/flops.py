"""Floating-point operations of an image, counted by torch's own counter over networks without memory."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from .networks import make_parts
from .shapes import Shape


def flops_of(shape: Shape) -> dict[str, int]:
    """Operations of each graph for one image: those that are known with the shape, or counted, which takes seconds."""
    return dict(shape.counted) if shape.counted is not None else count_flops(shape)


def count_flops(shape: Shape) -> dict[str, int]:
    """Operations of each graph for one image: a multiplication and an addition are two. Prompts are not counted.

    Only products of matrices, convolutions and attention count, as in every published figure of this kind. The networks
    lie on torch's meta device, so nothing is computed: SDXL's take seconds.
    """
    modules = make_parts(shape, "meta").modules
    student = shape.student
    with torch.device("meta"):
        one, latents = torch.zeros(1), torch.zeros(1, *student.latent_shape)
        inputs = {
            "encode": (torch.zeros(1, student.height, student.width, 3, dtype=torch.uint8),),
            "denoise": (latents, one, torch.zeros(1, *student.text_shape), one, one, one, one, latents),
            "decode": (latents,),
        }
        return {name: _count(getattr(modules, name), given) for name, given in inputs.items()}


def _count(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> int:
    with FlopCounterMode(display=False) as counter:
        module(*inputs)
    return int(counter.get_total_flops())
