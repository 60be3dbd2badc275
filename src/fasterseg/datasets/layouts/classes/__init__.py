"""The classes of a form: from its list of names, its colours, or the integers of its masks."""
