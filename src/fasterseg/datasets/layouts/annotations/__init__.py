"""What labelling tools write as polygons, boxes or run lengths: drawn into masks once."""
