"""A run as its stages: opened, looked at ahead, measured, searched, trained, delivered."""
