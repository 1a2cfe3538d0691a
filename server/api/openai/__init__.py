"""Stills in the shape of OpenAI's Images API: a picture from a prompt, from another picture, or a variation of one."""

from .routes import routes

__all__ = ["routes"]
