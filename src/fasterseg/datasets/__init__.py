"""Labelled images: what a sample is, where samples come from, and how they become batches."""
