"""The shapes of network families that students come in. Data only: no weights, no torch."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Architecture:
    """What all students of a family share. `text_shape` is (tokens, width) of the published weights.

    A side of the image is a multiple of `multiple` pixels; latents are `downscale` times smaller.
    """

    title: str
    latent_channels: int
    downscale: int
    multiple: int
    text_shape: tuple[int, int]
    text_encoders: int = 1

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        return self.latent_channels, height // self.downscale, width // self.downscale


ARCHITECTURES = {
    "embedded": Architecture("Allaprima's own", 24, 8, 8, (24, 128)),
    "sd15": Architecture("Stable Diffusion 1.5", 4, 8, 64, (77, 768)),
    "sd21": Architecture("Stable Diffusion 2.1", 4, 8, 64, (77, 1024)),
    # the last row is the pooled embedding of the second encoder, padded with zeros to the width of the others
    "sdxl": Architecture("Stable Diffusion XL", 4, 8, 32, (78, 2048), text_encoders=2),
}
