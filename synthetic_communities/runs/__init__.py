"""The run directory: its files and their versions, not how they came to be."""
