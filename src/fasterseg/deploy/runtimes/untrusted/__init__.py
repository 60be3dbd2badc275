"""Files of unknown origin: looked at whole, and tried in a process of its own, before they run."""
