"""Looking at all of a data set: what it holds, what is wrong with it, and what is kept of that."""

from fasterseg.datasets.checking.check import check_data

__all__ = ["check_data"]
