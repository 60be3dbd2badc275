"""Moving pictures: files and cameras read frame by frame, and overlays written as video."""
