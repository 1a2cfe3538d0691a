"""Engines on a GPU beside the incumbents', on the same random weights in the same run: python -m benchmarks.gpu"""
