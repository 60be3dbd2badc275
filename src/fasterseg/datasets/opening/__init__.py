"""From a word, a folder or a ``data.yaml`` to a data source, images without labels included."""

from fasterseg.datasets.opening.data import open_data, open_files

__all__ = ["open_data", "open_files"]
