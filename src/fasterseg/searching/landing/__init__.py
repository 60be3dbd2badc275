"""From the most probable architecture to one on its budget, as it is measured."""
