"""The server under siege: hostile clients in processes of their own, a polite neighbour, and what became of it.

An attack is a function in one of the `against_` files, by what it is aimed at; `python -m benchmarks.siege --list` names them.
"""
