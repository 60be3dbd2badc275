"""What a person at a terminal meets: options, progress, results, failures."""
