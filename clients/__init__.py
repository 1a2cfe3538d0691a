"""Everything that talks to a server: the page, a Python client, a load generator. Of the server it knows only the wire."""
