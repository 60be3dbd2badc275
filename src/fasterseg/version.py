"""The version of this program, which its files name as their maker."""

__version__ = "0.1.0"
