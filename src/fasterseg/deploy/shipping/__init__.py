"""A file that was written, read back, verified and named."""
