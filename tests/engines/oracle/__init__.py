"""The oracle: image makers that are known exactly, in the place of every student's network.

An image maker G gives a picture for the network's input, the time that it is told and a prompt. Wrapped as a student's
network, by inverting what the student's authors say its output means, it must come out of the server as it went in. So
the one right answer is known for every student, without any weights.

Nothing here uses the contract, the schedules or the predictions under test. Levels of noise are computed from the
published betas. `Oracle` knows how networks answer; `PUBLISHED` holds each student's loop as its authors' code, or the
diffusers scheduler that they use, writes it: in sigmas where that one counts in sigmas. A network that is told a time
which it does not know answers NaN: tables are read at whole times only, and nothing is rounded.

The graphs are the real ones of `engines.families.stable_diffusion`, around an oracle, a codec that says every latent in the
three bytes of a pixel, and encoders that look a prompt up. A prompt is "STUDENT PICTURE".
"""

from .answers import added, made, network, seen
from .codec import STEP, source, to_latents, to_pixels, with_handed
from .files import CONTROLS, graphs, modules, small, write_tokenizers
from .levels import STABLE_DIFFUSION
from .loops import Seen
from .prompts import PICTURES, prompt
from .shapes import LATENTS, SIDE, Latents
from .students import ANY, ELSEWHERE, FOUR, PUBLISHED, Published

__all__ = [
    "ANY", "CONTROLS", "ELSEWHERE", "FOUR", "LATENTS", "PICTURES", "PUBLISHED", "SIDE", "STABLE_DIFFUSION", "STEP",
    "Latents", "Published", "Seen", "added", "graphs", "made", "modules", "network", "prompt", "seen", "small",
    "source", "to_latents", "to_pixels", "with_handed", "write_tokenizers",
]  # fmt: skip
