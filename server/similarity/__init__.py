"""Which frames of a stream need not be painted again."""

from .filter import Measure, SimilarityFilter, Verdict, View, Wanted
from .measures import cosine, steady

__all__ = ["Measure", "SimilarityFilter", "Verdict", "View", "Wanted", "cosine", "steady"]
