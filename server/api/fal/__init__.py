"""Pictures in the shape of fal's realtime endpoints: msgpack in and out, over one connection."""

from .realtime import routes

__all__ = ["routes"]
