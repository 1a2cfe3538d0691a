"""How good a painter is, against the true looks: sharpness, borders of blocks, steadiness, and whether each look can be told.

python -m training.measures --reader FOLDER        # the shipped student through its engine, on photographs it never saw
python -m training.measures.reader --out FOLDER    # first: the reader, trained on the true looks
"""

from training.measures.flicker import flicker, pan, shaking
from training.measures.sharpness import block_steps, gradients, gradients_kept, psnr

__all__ = ["block_steps", "flicker", "gradients", "gradients_kept", "pan", "psnr", "shaking"]
