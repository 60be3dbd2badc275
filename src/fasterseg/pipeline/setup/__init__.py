"""A data set of one's own, from photos to a run: looked over, divided, described, a recipe."""
