"""How a search scores what it found: subnets, and finalists after some training."""
