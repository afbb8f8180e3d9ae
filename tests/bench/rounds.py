"""What many rounds say, in which those that are compared took turns."""

from collections.abc import Sequence
from statistics import median


def typical_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the rounds' own ratios: a machine that is slower for a while is so for both sides of a round."""
    return median(our / their for our, their in zip(ours, theirs, strict=True))
