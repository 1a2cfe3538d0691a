"""The input-output queue between front ends and workers: one protocol, several implementations."""

from .base import JobQueue, QueueClosed, QueueFull
from .memory import MemoryQueue

__all__ = ["JobQueue", "MemoryQueue", "QueueClosed", "QueueFull"]
