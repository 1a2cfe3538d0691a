"""The input-output queue between front ends and workers: one protocol, several implementations."""

from .base import FrontQueue, JobQueue, QueueClosed, QueueFull, WorkerQueue
from .memory import MemoryQueue

__all__ = ["FrontQueue", "JobQueue", "MemoryQueue", "QueueClosed", "QueueFull", "WorkerQueue"]
