"""Trained networks for fasterseg: a folder for each, called by its name wherever a model is named.

Data alone; terms and scores of each are in its ``card.json``, and ``fasterseg doctor`` lists them.
"""
