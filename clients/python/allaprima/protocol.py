"""The live protocol: the package `wire`, of which the client's own distribution brings a copy, so that it needs no server."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import wire
else:
    try:
        from . import _wire as wire
    except ImportError:
        import wire

__all__ = ["wire"]
