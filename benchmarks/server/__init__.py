"""The server measured: an engine alone, and the same engine behind the server, in one run."""
