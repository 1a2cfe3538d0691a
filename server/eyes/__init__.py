"""Eyes: how a frame becomes the picture that a student's control network is shown. They work in the codec pool."""

from .eye import Eye, EyeFailed, Knob
from .eyes import EYES, Eyes, knobs_of

__all__ = ["EYES", "Eye", "EyeFailed", "Eyes", "Knob", "knobs_of"]
