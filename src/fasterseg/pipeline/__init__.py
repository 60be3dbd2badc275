"""What the verbs do: a run is opened and looked at ahead, and each stage has a file of its own."""
