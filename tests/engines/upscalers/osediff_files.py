"""OSEDiff as its authors publish and run it, small and with random weights: over diffusers' networks, with PEFT's adapters."""

import copy
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from tests.engines.families.stable_diffusion import published

ADAPTERS = {
    "unet": {"default_encoder": "down_blocks|conv_in", "default_decoder": "up_blocks", "default_others": "mid_block|conv_out"},
    "vae": {"default_encoder": "encoder"},
}
"""Network to adapter to the parts that it is of."""
_ENDS = ("to_q", "to_k", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_in", "conv_shortcut", "conv_out", "proj_in",
         "proj_out", "ff.net.2", "ff.net.0.proj")  # fmt: skip
RANK = 4
Pixels = NDArray[np.uint8]


def write(folder: Path, seed: int = 0) -> dict[str, Any]:
    """A pipeline of Stable Diffusion 2.1 with `osediff.pkl` beside `model_index.json`; its networks, adapted by PEFT."""
    published.write_pipeline(folder, "sd21", seed=seed)
    torch.manual_seed(seed)
    networks = published.networks("sd21")
    torch.manual_seed(seed + 1)
    file: dict[str, Any] = {"rank_unet": RANK, "rank_vae": RANK}
    for name, adapters in ADAPTERS.items():
        networks[name], lists = _adapted(networks[name], adapters)
        file |= {f"{name}_lora_{adapter.removeprefix('default_')}_modules": layers for adapter, layers in lists.items()}
        state = networks[name].state_dict()
        kept = ("lora", "conv_in") if name == "unet" else ("lora",)
        file[f"state_dict_{name}"] = {one: weight.clone() for one, weight in state.items() if any(k in one for k in kept)}
    torch.save(file, folder / "osediff.pkl")
    return networks


def _adapted(network: Any, adapters: dict[str, str]) -> tuple[Any, dict[str, list[str]]]:
    from peft import LoraConfig

    made, lists = copy.deepcopy(network), {}
    layers = [
        name.removesuffix(".weight") for name, _ in network.named_parameters() if "norm" not in name and "bias" not in name
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about there being several
        for adapter, parts in adapters.items():
            mine = [one for one in layers if one.endswith(_ENDS) and any(part in one for part in parts.split("|"))]
            lists[adapter] = mine
            made.add_adapter(LoraConfig(r=RANK, init_lora_weights="gaussian", target_modules=mine), adapter_name=adapter)
    made.set_adapter(list(adapters))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight.copy_(0.05 * torch.randn_like(weight))
            if name.startswith("conv_in.base_layer"):
                weight.mul_(1.1)
    return made.eval(), lists


def paint(networks: dict[str, Any], folder: Path, source: Image.Image, prompt: str, colours: str) -> Pixels:
    """What its authors' code makes of a picture that was enlarged before (osediff.py, test_osediff.py), without tiles and
    without chance in the encoder."""
    from diffusers import DDPMScheduler
    from transformers import CLIPTokenizer

    unet, vae, encoder = networks["unet"], networks["vae"], networks["text_encoder"].eval()
    scheduler: Any = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, timestep_spacing="trailing"
    )
    scheduler.set_timesteps(1)
    tokenizer = CLIPTokenizer.from_pretrained(str(folder / "tokenizer"))
    ids = tokenizer(prompt, max_length=77, padding="max_length", truncation=True, return_tensors="pt").input_ids
    with torch.no_grad():
        lq = _tensor(source) * 2 - 1
        latents = vae.encode(lq).latent_dist.mode() * vae.config.scaling_factor
        said = unet(latents, torch.tensor([999]), encoder_hidden_states=encoder(ids)[0]).sample
        x0 = scheduler.step(said, 999, latents).prev_sample
        made = vae.decode(x0 / vae.config.scaling_factor).sample.clamp(-1, 1)
    picture = _picture(made * 0.5 + 0.5)
    if colours == "none":
        return np.array(picture)
    fix = _adain if colours == "adain" else _wavelet
    return np.array(_picture(fix(_tensor(picture), _tensor(source)).clamp(0, 1)))


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


def _picture(values: Tensor) -> Image.Image:
    # torchvision's ToPILImage cuts off, and does not round
    return Image.fromarray((values[0] * 255).byte().permute(1, 2, 0).numpy())


def _adain(content: Tensor, style: Tensor) -> Tensor:
    def of(x: Tensor) -> tuple[Tensor, Tensor]:
        flat = x.flatten(2)
        return flat.mean(2)[..., None, None], (flat.var(2) + 1e-5).sqrt()[..., None, None]

    (mean, spread), (to_mean, to_spread) = of(content), of(style)
    return (content - mean) / spread * to_spread + to_mean


def _wavelet(content: Tensor, style: Tensor) -> Tensor:
    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        high, low = torch.zeros_like(x), x
        kernel = torch.tensor([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]])[None, None].repeat(3, 1, 1, 1) / 16
        for level in range(5):
            padded = torch.nn.functional.pad(x, (2**level,) * 4, mode="replicate")
            low = torch.nn.functional.conv2d(padded, kernel, groups=3, dilation=2**level)
            high, x = high + x - low, low
        return high, low

    return split(content)[0] + split(style)[1]
