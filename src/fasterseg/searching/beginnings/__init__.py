"""What a search begins with: its hours, its data in two halves, its ranks, its supernet."""
