"""How much JSON there is: what is judged further costs time for each value, however few bytes it takes to say it."""

from typing import Any

MOST_DEPTH = 32


def complaint(value: Any, most_values: int, most_depth: int = MOST_DEPTH) -> str | None:
    """Why decoded JSON is too much to look at: more values in it than that, or deeper; None if it is not."""
    heap, values = [(value, 1)], 0
    while heap:
        one, depth = heap.pop()
        if not isinstance(one, dict | list):
            continue
        if depth > most_depth:
            return f"nested deeper than {most_depth} levels"
        values += len(one)
        if values > most_values:
            return f"more than {most_values} values"
        heap.extend((inner, depth + 1) for inner in (one.values() if isinstance(one, dict) else one))
    return None
