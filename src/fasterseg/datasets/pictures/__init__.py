"""Pictures: their bytes are looked at, opened within limits, and become pixels in one way."""
