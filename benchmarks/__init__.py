"""Benchmarks that compare engines with each other and with other people's pipelines; `clients.bench` measures the server."""
