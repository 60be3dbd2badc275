"""A step of the search: which passes it runs, what they cost in latency, what they move."""
