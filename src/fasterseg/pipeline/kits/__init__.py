"""Kits for devices: packed here, and what came back read into the run."""
