"""Timing whole networks against each other and against themselves."""
