"""What the end of a run needs, asked before its first step."""
