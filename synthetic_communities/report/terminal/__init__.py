"""A run as tables of plain text."""
