"""What labelling tools and toolkits for training write as masks."""
