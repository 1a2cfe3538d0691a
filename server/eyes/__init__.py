"""Eyes: how a frame becomes the picture that a student's network is shown. They work in the codec pool."""

from .eye import AS_IS, Eye, EyeFailed, Knob
from .eyes import EYES, Eyes, Seen, knobs_of

__all__ = ["AS_IS", "EYES", "Eye", "EyeFailed", "Eyes", "Knob", "Seen", "knobs_of"]
