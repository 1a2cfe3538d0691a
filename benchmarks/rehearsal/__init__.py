"""A rehearsal: the real server, a real Prometheus with our configuration, traffic, and every query of every dashboard.

`tests/deploy` uses it to show that no panel is empty, and `python -m benchmarks.rehearsal` to draw docs/dashboards.
"""
