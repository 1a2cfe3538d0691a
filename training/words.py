"""The words that prompts are made of, by what they are about. Names only: no pictures, no torch."""

SHAPES = ("circle", "square", "triangle", "star", "heart", "tree", "house", "boat")

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white", "black")

STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "photo": ("photo", "photograph", "realistic", "natural"),
    "watercolor": ("watercolor", "watercolour", "aquarelle"),
    "oil painting": ("oil painting", "oil", "impasto", "van gogh"),
    "pencil sketch": ("pencil sketch", "sketch", "pencil", "drawing"),
    "ink": ("ink", "ink drawing", "woodcut", "charcoal"),
    "comic": ("comic", "cartoon", "anime", "comic book"),
    "neon": ("neon", "cyberpunk", "glowing neon", "synthwave"),
    "pixel art": ("pixel art", "pixel", "8-bit", "retro game"),
    "mosaic": ("mosaic", "tiles", "stained glass"),
    "blueprint": ("blueprint", "technical drawing", "cyanotype"),
    "sepia": ("sepia", "vintage", "antique", "daguerreotype"),
    "noir": ("noir", "black and white", "film noir", "monochrome"),
    "pop art": ("pop art", "warhol", "screen print"),
    "thermal": ("thermal", "heat map", "infrared", "lava"),
    "sunset": ("sunset", "golden hour", "autumn", "warm light"),
    "winter": ("winter", "frost", "ice", "cold light"),
}
"""Style to the phrases that ask for it."""

STYLES = tuple(STYLE_WORDS)
