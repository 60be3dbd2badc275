"""The network that holds every candidate, and the weights with which it is run."""
