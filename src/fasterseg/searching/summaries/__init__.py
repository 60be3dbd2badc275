"""What a search came to, in numbers: for the report."""
