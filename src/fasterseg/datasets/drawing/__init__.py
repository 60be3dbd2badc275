"""From outlines, circles, lines and run lengths to masks, and where those are kept."""
