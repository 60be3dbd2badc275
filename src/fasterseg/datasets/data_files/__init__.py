"""``data.yaml``: its keys, how they are read, and the lines that settle what is wrong."""
