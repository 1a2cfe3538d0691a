"""The painter's shapes."""

TOKENS = 24
"""Words of a prompt that are read."""
ROWS, WIDTH = 290, 128
"""The conditioning: what a look is made of, and a thing's two drawings, in so many rows of so many numbers."""
PIXELS = 512
"""Side of a picture: the looks' fixed maps are of this size."""
CELL = 4
"""Pixels of a picture that are one place of the latents, across and down."""
CHANNELS = 3 * CELL * CELL
