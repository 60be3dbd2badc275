"""From a data source to batches: each a function of (seed, step), made by processes of its own."""
