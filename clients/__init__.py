"""What talks to a server: the page, a Python client, the command line. Of ours they import the wire and nothing else."""
