"""From a word, a folder or a ``data.yaml`` to a data source, images without labels included."""
