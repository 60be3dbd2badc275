"""The blocks as modules: every operator is written once, for fixed and for slimmable widths."""
