"""The queue between machines: lines that take turns, as in memory, kept by a Redis or Valkey server of 6.2 or newer.

All policy is in `scripts/`, which the server runs one at a time: so what is promised holds however many front ends and workers
there are. `layout.py` says what lies where.
"""

from .errors import QueueError
from .front import RedisFrontQueue
from .sessions import RedisSessions
from .worker import RedisWorkerQueue

__all__ = ["QueueError", "RedisFrontQueue", "RedisSessions", "RedisWorkerQueue"]
