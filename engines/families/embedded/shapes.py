"""The embedded network's shapes."""

TOKENS, TEXT_WIDTH = 24, 128
"""Prompts are padded or cut to so many tokens, and each is so many numbers."""
