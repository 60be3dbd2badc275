"""Networks and blocks as graphs: the one exporter, the formats, what a block is timed between."""
