"""Stills in the shape of AUTOMATIC1111's web API: what its clients poll, list, set and ask for."""

from . import controlnet
from .routes import routes

__all__ = ["controlnet", "routes"]
