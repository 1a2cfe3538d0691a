"""Routes only: what comes in over HTTP and WebSocket, and in which shape it is answered."""
