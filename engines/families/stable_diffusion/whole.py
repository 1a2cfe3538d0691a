"""A whole model in one file, in the layout of Stability's code: UNet, VAE and text encoders under prefixes of their own."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from torch import Tensor

from .networks import State, bare
from .stability_names import open_clip_name, unet_names, vae_names

_UNET, _VAE = "model.diffusion_model.", "first_stage_model."


@dataclass(frozen=True)
class Whole:
    """The file's weights; each method gives those of one network under diffusers' or transformers' names."""

    state: State

    @property
    def has_vae(self) -> bool:
        return any(name.startswith(_VAE) for name in self.state)

    def has_text(self, index: int) -> bool:
        return self._text_prefix(index) is not None

    def unet(self, own: Collection[str], layers_per_block: int) -> dict[str, Tensor]:
        """What the network has not stays under the file's name."""
        return _translated(self._under(_UNET), unet_names(own, layers_per_block))

    def vae(self, own: Collection[str]) -> dict[str, Tensor]:
        state = _translated(self._under(_VAE), vae_names(own))
        # attention over pixels: a convolution of one pixel there, a matrix here
        return {
            name: weight.flatten(1) if "attentions" in name and weight.dim() == 4 else weight
            for name, weight in state.items()
            if name in own
        }

    def text(self, index: int, own: Collection[str]) -> dict[str, Tensor]:
        """The text encoder of a number, counted from 0."""
        prefix = self._text_prefix(index)
        assert prefix is not None, "ask has_text first"
        state = self._under(prefix)
        if prefix.endswith("model."):
            return _from_open_clip(state, own)
        known = {bare(name) for name in own}
        return {name: weight for name, weight in state.items() if bare(name) in known}

    def _under(self, prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): weight for name, weight in self.state.items() if name.startswith(prefix)}

    def _text_prefix(self, index: int) -> str | None:
        """Of transformers' CLIP or of OpenCLIP, as the one or two encoders of SDXL or as the only one of SD 1.5 and 2.1."""
        places = [f"conditioner.embedders.{index}.", *(["cond_stage_model."] if index == 0 else [])]
        prefixes = [f"{place}{kind}." for place in places for kind in ("transformer", "model")]
        return next((prefix for prefix in prefixes if any(name.startswith(prefix) for name in self.state)), None)


def whole_model(state: State) -> Whole | None:
    """A file's weights as a whole model, if they are in Stability's layout, were it of the UNet alone."""
    if any(name.startswith(_UNET) for name in state):
        return Whole(state)
    if any(name.startswith("input_blocks.") for name in state):
        return Whole({_UNET + name: weight for name, weight in state.items()})
    return None


def _translated(state: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    ours = {theirs: name for name, theirs in names.items()}
    return {ours.get(name, name): weight for name, weight in state.items()}


def _from_open_clip(state: dict[str, Tensor], own: Iterable[str]) -> dict[str, Tensor]:
    """SD 2.1's encoder has a layer less than its file: it uses the last but one. What it has not is left out."""
    found = {}
    for name in map(bare, own):
        weight = state.get(open_clip_name(name))
        if weight is None:
            continue
        if name == "text_projection.weight":  # there it multiplies from the right
            weight = weight.T.contiguous()
        for third, part in enumerate(("q_proj", "k_proj", "v_proj")):
            if f"self_attn.{part}." in name:
                weight = weight.chunk(3)[third]
        found[name] = weight
    return found
