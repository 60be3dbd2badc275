"""A run whose target is another host: its rounds there, and budgets that name a model."""
