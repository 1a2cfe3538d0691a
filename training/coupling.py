"""Which picture belongs to which noise: the coupling that makes the one-step map learnable.

Rectified flow (Liu et al. 2022, arXiv 2209.03003) is right for *any* coupling of noise and data whose
marginals are right, and the straighter the coupling, the fewer steps it needs; InstaFlow (arXiv 2309.06380)
buys a straight one with pairs solved from a teacher. Here the data are rendered, so the coupling can be chosen:
everything a prompt leaves open (place, size, tilt, light, unsaid colours) is read off the noise itself.
The noise stays N(0, I); the picture becomes a function of (noise, prompt).
"""

from torch import Tensor

from engines.families.embedded.frame import choices

from .captions import Wish
from .scenes import Scene
from .words import COLOURS, SHAPES


def _pick(u: Tensor, among: tuple[str, ...]) -> str:
    return among[min(int(float(u) * len(among)), len(among) - 1)]


def scene_for(wish: Wish, noise: Tensor) -> Scene:
    """The scene that this noise [channels, h, w] means under what the prompt asked for."""
    chosen = choices(noise[None])
    shape = wish.shape or _pick(chosen.words[0], SHAPES)
    colour = wish.colour or _pick(chosen.words[1], tuple(c for c in COLOURS if c != wish.background))
    background = wish.background or _pick(chosen.words[2], tuple(c for c in COLOURS if c != colour))
    return Scene(
        shape=shape,
        colour=colour,
        background=background,
        x=float(chosen.x),
        y=float(chosen.y),
        size=float(chosen.size),
        angle=float(chosen.angle),
        light=float(chosen.light),
    )
