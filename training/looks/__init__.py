"""Looks: ways of painting a picture, as functions of batches of pictures on any device. The embedded student learns them.

from training.looks import LOOKS, maps
painted = LOOKS["watercolor"].paint(images)       # float32 [n, 3, 512, 512], sRGB in [0, 1]
constants = maps(512, 512)                        # the fixed patterns that the looks use, [8, 512, 512]
"""

from training.looks.lights import neon
from training.looks.look import Look
from training.looks.paint import delft, van_gogh, watercolor
from training.looks.patterns import NAMES as MAPS
from training.looks.patterns import maps
from training.looks.plain import photo
from training.looks.prints import anime, comic, engraving, paper_cut, pop_art

_ALL = (
    Look("photo", ("photograph", "photorealistic"), 0.5, photo),
    Look("watercolor", ("watercolour", "aquarelle"), 0.5, watercolor),
    Look("van gogh", ("oil", "oil painting", "impasto", "starry night"), 0.5, van_gogh),
    Look("delft", ("delft tiles", "blue tiles", "azulejo"), 0.5, delft),
    Look("neon", ("neon lights", "cyberpunk"), 0.5, neon),
    Look("comic", ("comic book", "cartoon"), 0.5, comic),
    Look("anime", ("manga", "cel shading"), 0.5, anime),
    Look("pop art", ("screen print", "warhol"), 0.5, pop_art),
    Look("engraving", ("banknote",), 0.5, engraving),
    Look("paper cut", ("paper cutout",), 0.5, paper_cut),
)

LOOKS: dict[str, Look] = {look.name: look for look in _ALL}
"""Every look by its name."""

__all__ = ["LOOKS", "MAPS", "Look", "maps"]
