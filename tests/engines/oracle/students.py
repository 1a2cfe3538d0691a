"""Students, as their authors say: family, loop, times and strengths."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .levels import DDPM, SIM_SIGMA, STABLE_DIFFUSION, WRITTEN_DOWN
from .loops import Loop, dmd2, edm, euler, flow_match, lcm, once, own, painter, rectified, sana, sim, tcd, translated

ANY = (0.0, 0.002, 0.02, 0.25, 0.5, 0.77, 1.0)
"""Strengths to try of a student that takes any."""
FOUR = (0.25, 0.5, 0.75, 1.0)


def whole(strength: float) -> float:
    """Strength to one of a thousand times, the last at 1: diffusers' trailing spacing."""
    return max(0, round(1000 * strength) - 1)


@dataclass(frozen=True)
class Published:
    """What a student's authors say: how its network answers, the loop, its times, and the strengths of its img2img."""

    family: str
    loop: Loop
    times: tuple[float, ...]
    strengths: tuple[float, ...] = ()
    start: Callable[[float], float] = whole
    guided: bool = False
    stills: bool = True

    def times_of(self, strength: float | None) -> tuple[float, ...]:
        """The times of a still, or of img2img: where the strength starts, and those of a still below."""
        if strength is None:
            return self.times
        first = self.start(strength)
        return (first, *(t for t in self.times if t < first))


_AT_399 = Published("epsilon", dmd2, (399,))
_DMD2 = Published("epsilon", dmd2, (999, 749, 499, 249), FOUR)
_LCM = Published("epsilon", lcm, (999, 759, 499, 259), ANY)
_HYPER_LORA = Published("epsilon", partial(tcd, eta=1.0), (999,), ANY)
_TURBO = Published("epsilon", euler, (999,), ANY)
_TRANSLATED = Published("epsilon", translated, (999,), (1.0,), stills=False)
_WRITTEN_DOWN = Published("epsilon-written-down", partial(once, acp=WRITTEN_DOWN), (999,))

PUBLISHED = {
    "cyclegan-turbo-clear": _TRANSLATED,
    "cyclegan-turbo-day": _TRANSLATED,
    "cyclegan-turbo-night": _TRANSLATED,
    "cyclegan-turbo-rain": _TRANSLATED,
    "2-rectified-flow": Published(
        "towards-the-picture", rectified, tuple(1000.0 * (1 - i / 8) for i in range(8)), ANY, lambda s: 1000.0 * s
    ),
    "disback-sdxl": Published("epsilon", lcm, (399,)),
    "dmd2-sd15": _WRITTEN_DOWN,
    "dmd2-sdxl-1step": _AT_399,
    "dmd2-sdxl-4step": _DMD2,
    "dmd2-sdxl-4step-lora": _DMD2,
    "embedded": Published("own", own, (1.0,), ANY, lambda s: s**2),
    "hyper-sd15-lora": _HYPER_LORA,
    "hyper-sdxl-lora": _HYPER_LORA,
    "hyper-sdxl-unet": Published("epsilon", lcm, (800,)),
    "instaflow-0.9b": Published("towards-the-picture", rectified, (1000.0,)),
    "lcm-dreamshaper-v7": Published("epsilon", lcm, (999, 759, 499, 259), ANY, guided=True),
    "lcm-lora-sd15": _LCM,
    "lcm-lora-sdxl": _LCM,
    "nitrosd-realism": Published("epsilon", partial(lcm, shifted=250), (999,)),
    "nitrosd-realism-4step": Published("epsilon", partial(lcm, shifted=250), (999, 749, 499, 249), FOUR),
    "nitrosd-vibrant": Published("epsilon", partial(lcm, shifted=500), (999,)),
    "painter": Published("sample", painter, (1.0,), ANY, lambda s: s),
    "pix2pix-turbo-edges": _TRANSLATED,
    "pix2pix-turbo-sketch": Published("epsilon", partial(translated, r=0.4), (999,), (1.0,), stills=False),
    "pso-sdxl": _DMD2,
    "sd-turbo": _TURBO,
    "sdxl-lightning-1step": Published("sample", partial(euler, output="sample"), (999,)),
    "sdxl-lightning-4step": Published("epsilon", euler, (999, 749, 499, 249), FOUR),
    "sdxl-turbo": _TURBO,
    "slam-sd15-lora": _LCM,
    "swiftbrush": _WRITTEN_DOWN,
    "swiftbrush-v2": Published("epsilon", partial(once, acp=float(STABLE_DIFFUSION[999])), (999,)),
    "tcd-sd15-lora": Published("epsilon", partial(tcd, eta=0.3), (999, 759, 499, 259), ANY),
}
"""Every student that comes with us."""

ELSEWHERE = {
    "edm": Published("edm", edm, (80.0,)),
    "flux-schnell": Published("towards-noise", flow_match, (1.0, 0.75, 0.5, 0.25), (0.02, 0.25, 0.5, 0.77, 1.0), lambda s: s),
    "pixart-dmd": Published("epsilon-ddpm", partial(once, acp=float(DDPM[400])), (400,)),
    "sana-sprint": Published("sana", sana, (1.5708, 1.3), (0.25, 0.5, 0.77), lambda s: s * math.pi / 2),
    "sim": Published("sim", sim, (SIM_SIGMA,)),
    "v": Published("v", partial(euler, output="v"), (999, 749, 499, 249), FOUR),
    "z-image": Published("towards-noise-negated", partial(flow_match, z_image=True), (1.0, 0.9, 0.75, 0.5, 0.3)),
}
"""Families of students that no file of ours drives."""
