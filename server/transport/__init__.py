"""Connections: uvicorn's protocols, and a guard that holds every one of them to limits."""

from .doorway import Doorway
from .guard import Guard, Limits
from .http import HttpProtocol, keep_little
from .live import LiveProtocol, cut_off, refuse, until_lost

__all__ = ["Doorway", "Guard", "HttpProtocol", "Limits", "LiveProtocol", "cut_off", "keep_little", "refuse", "until_lost"]
