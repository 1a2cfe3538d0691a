"""The live half: HTTP, WebSocket, sessions, queue, worker, metrics. Never imports torch."""

__version__ = "0.1.0"
