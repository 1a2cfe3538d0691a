"""Stills measured: what REST costs over a tick, and how many images many callers get."""
