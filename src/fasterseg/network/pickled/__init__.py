"""Pickles read by hand: plain values, and notes of what would have been called."""
