"""What comes from elsewhere: files, links, names, numbers and texts, read within limits."""
