"""Data sources: what every data set is to the rest of the package, in files or made of others."""
