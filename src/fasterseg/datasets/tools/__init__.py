"""Data as labelling tools and training kits write it: one module for each form."""
