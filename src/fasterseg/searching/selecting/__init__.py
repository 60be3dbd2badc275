"""Selection at the exact budget: candidates, evolution over the supernet, who won."""
