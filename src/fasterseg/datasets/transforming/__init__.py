"""What training does to samples, and where each pixel of what it sees comes from."""
