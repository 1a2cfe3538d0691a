"""`allaprima paint`: from a camera, a video, a folder or the screen to a window, a file, a folder, a camera or the terminal."""

from .command import main

__all__ = ["main"]
