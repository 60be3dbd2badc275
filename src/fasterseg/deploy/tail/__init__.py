"""From low-resolution logits to the label map, outside the graph."""
