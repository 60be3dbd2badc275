"""Processes that run functions of this package, and end with the one that started them."""
