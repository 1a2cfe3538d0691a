"""Image translators as their authors make, keep and run them (GaParmar/img2img-turbo), of small random networks.

Adapters are PEFT's own and stay beside their layers; skip connections are hooks on diffusers' blocks. Nothing here is
fused, and nothing of the code under test is used.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .compare import pipeline_of

RANK_UNET, RANK_VAE = 6, 4
"""Neither rank times its scale is 1 by chance: PEFT's alpha is 8 where none is said."""
_UNET = (
    "to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_shortcut", "conv_out", "proj_in", "proj_out",
    "ff.net.2", "ff.net.0.proj",
)  # fmt: skip
_VAE = (
    "conv1", "conv2", "conv_in", "conv_shortcut", "conv", "conv_out", "skip_conv_1", "skip_conv_2", "skip_conv_3",
    "skip_conv_4", "to_k", "to_q", "to_v", "to_out.0",
)  # fmt: skip


class TwinConv(nn.Module):
    """A first layer that is trained beside the base's own: so much of each."""

    def __init__(self, old: nn.Module, new: nn.Module) -> None:
        super().__init__()
        self.conv_in_pretrained, self.conv_in_curr, self.r = old, new, 1.0

    def forward(self, x: Tensor) -> Tensor:
        return torch.lerp(self.conv_in_pretrained(x), self.conv_in_curr(x), self.r)


class Authors:
    """A base's networks with a translator in them. `vaes` are by direction, "" where there is one."""

    def __init__(self, base: Path, seed: int) -> None:
        self._parts = pipeline_of(base).components
        self.unet: Any = self._parts["unet"]
        self.vaes: dict[str, Any] = {}
        torch.manual_seed(seed)

    def paint(
        self, pixels: NDArray[np.uint8], prompt: str, direction: str = "", r: float | None = None, z: Tensor | None = None
    ) -> NDArray[np.uint8]:
        """uint8 [h, w, 3] as `Pix2Pix_Turbo.forward` and `CycleGAN_Turbo.forward` paint it, with the mean of the encoder's
        distribution; with `r` in the stochastic mode, of a noise z."""
        from diffusers import DDPMScheduler
        from diffusers.utils.peft_utils import set_weights_and_activate_adapters

        scheduler = DDPMScheduler.from_config({**self._parts["scheduler"].config, "clip_sample": False})
        scheduler.set_timesteps(1)
        vae, unet, gamma = self.vaes[direction], self.unet, 1.0
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
        if direction:
            image = (image - 0.5) / 0.5
        if r is not None:
            unet.set_adapters(["default"], weights=[r])
            set_weights_and_activate_adapters(vae, ["vae_skip"], [r])
            unet.conv_in.r, gamma = r, r
        tokens = self._parts["tokenizer"](prompt, max_length=77, padding="max_length", truncation=True, return_tensors="pt")
        seen, hooks = _skipping(vae, gamma)
        with torch.no_grad():
            said = self._parts["text_encoder"](tokens.input_ids)[0]
            x = vae.encode(image).latent_dist.mode() * vae.config.scaling_factor
            x = x if r is None else x * r + z * (1 - r)
            out = unet(x, torch.tensor([999]), encoder_hidden_states=said).sample
            x0 = scheduler.step(out, torch.tensor(999), x).prev_sample
            painted = vae.decode(x0 / vae.config.scaling_factor).sample.clamp(-1, 1)[0]
        assert len(seen) == 4
        for hook in hooks:
            hook.remove()
        return (painted * 0.5 + 0.5).mul(255).round().byte().permute(1, 2, 0).numpy()


def paired(base: Path, seed: int, stochastic: bool = False) -> tuple[Authors, dict[str, Any]]:
    """pix2pix-turbo, and what its `save_model` keeps."""
    from peft import LoraConfig

    made = Authors(base, seed)
    vae, unet = made.vaes.setdefault("", made._parts["vae"]), made.unet
    _add_skips(vae)
    if stochastic:
        new = nn.Conv2d(4, unet.conv_in.out_channels, 3, padding=1)
        unet.conv_in = TwinConv(unet.conv_in, new)
    else:
        unet.conv_in.weight.data += 0.1 * torch.randn_like(unet.conv_in.weight)
    vae.add_adapter(LoraConfig(r=RANK_VAE, init_lora_weights="gaussian", target_modules=list(_VAE)), adapter_name="vae_skip")
    unet.add_adapter(LoraConfig(r=RANK_UNET, init_lora_weights="gaussian", target_modules=list(_UNET)))
    _train(vae, unet)
    return made, {
        "unet_lora_target_modules": list(_UNET),
        "vae_lora_target_modules": list(_VAE),
        "rank_unet": RANK_UNET,
        "rank_vae": RANK_VAE,
        "state_dict_unet": {name: one for name, one in unet.state_dict().items() if "lora" in name or "conv_in" in name},
        "state_dict_vae": {name: one for name, one in vae.state_dict().items() if "lora" in name or "skip" in name},
    }


def unpaired(base: Path, seed: int) -> tuple[Authors, dict[str, Any]]:
    """CycleGAN-turbo, and what its training keeps."""
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    made = Authors(base, seed)
    unet = made.unet
    parts = {"default_encoder": "down_blocks|conv_in", "default_decoder": "up_blocks", "default_others": ""}
    layers: dict[str, list[str]] = {name: [] for name in parts}
    for name, _ in unet.named_parameters():
        if "bias" in name or "norm" in name or not any(one in name for one in (*_UNET, "conv_in")):
            continue
        mine = next(part for part, within in parts.items() if any(one in name for one in within.split("|")))
        layers[mine].append(name.removesuffix(".weight"))
    for name, targets in layers.items():
        config = LoraConfig(r=RANK_UNET, init_lora_weights="gaussian", target_modules=targets, lora_alpha=RANK_UNET)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about adapters beside others
            unet.add_adapter(config, adapter_name=name)
    unet.set_adapter(list(parts))
    for direction in ("a2b", "b2a"):
        vae = made.vaes[direction] = pipeline_of(base).vae
        _add_skips(vae)
        vae.decoder.conv_in.weight.data += 0.1 * torch.randn_like(vae.decoder.conv_in.weight)
        config = LoraConfig(r=RANK_VAE, init_lora_weights="gaussian", target_modules=list(_VAE))
        vae.add_adapter(config, adapter_name="vae_skip")
        _train(vae)
    _train(unet)
    held = {
        f"{prefix}.{name}": one
        for prefix, vae in zip(("vae", "vae_b2a"), made.vaes.values(), strict=True)
        for name, one in vae.state_dict().items()
    }
    return made, {
        "l_target_modules_encoder": layers["default_encoder"],
        "l_target_modules_decoder": layers["default_decoder"],
        "l_modules_others": layers["default_others"],
        "rank_unet": RANK_UNET,
        "sd_encoder": get_peft_model_state_dict(unet, adapter_name="default_encoder"),
        "sd_decoder": get_peft_model_state_dict(unet, adapter_name="default_decoder"),
        "sd_other": get_peft_model_state_dict(unet, adapter_name="default_others"),
        "rank_vae": RANK_VAE,
        "vae_lora_target_modules": list(_VAE),
        "sd_vae_enc": held,
        "sd_vae_dec": held,
    }


def _add_skips(vae: Any) -> None:
    """Of the small autoencoder, whose levels have 8, 8, 16 and 16 channels."""
    for number, (seen, at) in enumerate(((16, 16), (8, 16), (8, 16), (8, 8)), 1):
        setattr(vae.decoder, f"skip_conv_{number}", nn.Conv2d(seen, at, 1, bias=False).requires_grad_(False))


def _train(*networks: Any) -> None:
    """Adapters begin at nothing, and skip connections near it."""
    with torch.no_grad():
        for network in networks:
            for name, weight in network.named_parameters():
                if "lora" in name:
                    weight.copy_(0.1 * torch.randn_like(weight))
                elif "skip" in name:
                    weight.copy_(0.3 * torch.randn_like(weight))


def _skipping(vae: Any, gamma: float) -> tuple[list[Tensor], Sequence[Any]]:
    """Hooks that bring what the encoder's levels are given to the decoder's, the last first."""
    seen: list[Tensor] = []

    def remember(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        seen.append(given[0])

    def added(number: int) -> Any:
        def add(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            return given[0] + getattr(vae.decoder, f"skip_conv_{number + 1}")(gamma * seen[3 - number]), *given[1:]

        return add

    hooks = [block.register_forward_pre_hook(remember) for block in vae.encoder.down_blocks]
    return seen, [*hooks, *(block.register_forward_pre_hook(added(i)) for i, block in enumerate(vae.decoder.up_blocks))]
