"""People who come and go for half an hour, and what is left of them in the server."""
