"""Folders that nothing describes: what goes together there is told by names alone."""
