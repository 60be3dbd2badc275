"""The built-in data set: procedural street scenes, each a pure function of a seed and an index."""

from fasterseg.datasets.street.scenes import STREET_LABELS, StreetScenes

__all__ = ["STREET_LABELS", "StreetScenes"]
