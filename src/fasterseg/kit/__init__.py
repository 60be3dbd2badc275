"""What measures on a device without this package: packed, read, and brought there and back."""
