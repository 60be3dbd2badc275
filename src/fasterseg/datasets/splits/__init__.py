"""Which image is in which split: the file that says so, and dividing what nobody has divided."""
