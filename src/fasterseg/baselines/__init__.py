"""Hand-made networks to compare with."""
