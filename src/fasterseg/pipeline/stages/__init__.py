"""The stages of a run, a module each, and `running`: all of them in order."""
