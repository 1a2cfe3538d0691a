"""Looks: ways of painting a picture, as functions of batches of pictures on any device. The embedded student learns them.

from training.looks import LOOKS, maps
painted = LOOKS["watercolor"].paint(images)       # float32 [n, 3, 512, 512], sRGB in [0, 1]
constants = maps(512, 512)                        # the fixed patterns that the looks use, [8, 512, 512]
"""

from training.looks.blocks import batik, linocut, paper_cut, ukiyo_e
from training.looks.cells import bricks, cross_stitch, knit, pixel_art, terminal
from training.looks.draw import brush_ink, chalk, charcoal, coloured_pencil, ink_hatch, pastel, pencil, scratch, stipple
from training.looks.lights import fluted_glass, gold, neon, synthwave, thermal
from training.looks.look import Look
from training.looks.paint import delft, gouache, impressionist, oil_painting, pointillism, van_gogh, watercolor
from training.looks.patterns import NAMES as MAPS
from training.looks.patterns import maps
from training.looks.pieces import mosaic, stained_glass
from training.looks.plain import photo, sepia, sunset, winter
from training.looks.prints import anime, blueprint, comic, contour_map, engraving, noir, pop_art, riso
from training.looks.triangles import low_poly

_ALL = (
    Look("photo", ("photograph", "photorealistic"), 0.5, photo),
    Look("watercolor", ("watercolour", "aquarelle"), 0.5, watercolor),
    Look("van gogh", ("impasto", "starry night", "post-impressionist"), 0.5, van_gogh),
    Look("delft", ("delft tiles", "blue tiles", "azulejo"), 0.5, delft),
    Look("neon", ("neon lights", "cyberpunk"), 0.5, neon),
    Look("comic", ("comic book", "cartoon"), 0.5, comic),
    Look("anime", ("manga", "cel shading"), 0.5, anime),
    Look("pop art", ("screen print", "warhol"), 0.5, pop_art),
    Look("engraving", ("banknote",), 0.5, engraving),
    Look("paper cut", ("paper cutout",), 0.5, paper_cut),
    Look("pencil sketch", ("pencil", "sketch", "graphite", "pencil drawing"), 0.5, pencil),
    Look("coloured pencil", ("colored pencil", "crayon"), 0.5, coloured_pencil),
    Look("pastel", ("soft pastel", "pastels"), 0.5, pastel),
    Look("charcoal", ("charcoal drawing",), 0.5, charcoal),
    Look("chalk", ("chalkboard", "blackboard"), 0.5, chalk),
    Look("ink", ("pen and ink", "hatching", "cross hatching", "ink drawing"), 0.5, ink_hatch),
    Look("stipple", ("stippling", "dotwork"), 0.5, stipple),
    Look("brush and ink", ("sumi-e", "sumie", "ink wash"), 0.5, brush_ink),
    Look("scratch art", ("scratchboard", "rainbow scratch"), 0.5, scratch),
    Look("noir", ("film noir", "sin city", "black and white"), 0.5, noir),
    Look("riso", ("risograph", "riso print"), 0.5, riso),
    Look("linocut", ("lino print", "block print", "woodcut"), 0.5, linocut),
    Look("ukiyo-e", ("ukiyoe", "japanese woodblock", "woodblock print"), 0.5, ukiyo_e),
    Look("batik", ("wax print",), 0.5, batik),
    Look("blueprint", ("technical drawing",), 0.5, blueprint),
    Look("contour map", ("topographic map", "topographic"), 0.5, contour_map),
    Look("oil painting", ("oil", "oils", "old master", "renaissance"), 0.5, oil_painting),
    Look("impressionist", ("monet", "impressionism"), 0.5, impressionist),
    Look("pointillism", ("pointillist", "seurat"), 0.5, pointillism),
    Look("gouache", ("poster paint", "poster"), 0.5, gouache),
    Look("stained glass", ("church window",), 0.5, stained_glass),
    Look("mosaic", ("byzantine", "tesserae"), 0.5, mosaic),
    Look("low poly", ("polygons", "triangles"), 0.5, low_poly),
    Look("cross stitch", ("embroidery", "cross-stitch"), 0.5, cross_stitch),
    Look("knit", ("knitted", "wool", "sweater"), 0.5, knit),
    Look("bricks", ("lego", "toy bricks"), 0.5, bricks),
    Look("pixel art", ("pixelart", "8-bit", "16-bit"), 0.5, pixel_art),
    Look("terminal", ("ascii", "ascii art", "matrix"), 0.5, terminal),
    Look("synthwave", ("vaporwave", "retrowave", "outrun"), 0.5, synthwave),
    Look("gold", ("golden", "gold relief"), 0.5, gold),
    Look("fluted glass", ("reeded glass", "ribbed glass"), 0.5, fluted_glass),
    Look("thermal", ("infrared", "heat map"), 0.5, thermal),
    Look("sepia", ("vintage photograph", "old photograph"), 0.5, sepia),
    Look("sunset", ("golden hour", "dusk"), 0.5, sunset),
    Look("winter", ("snow", "frost", "snowfall"), 0.5, winter),
)

LOOKS: dict[str, Look] = {look.name: look for look in _ALL}
"""Every look by its name."""

__all__ = ["LOOKS", "MAPS", "Look", "maps"]
