"""Keys: where they come from, and keeping them out of everything that is written."""
