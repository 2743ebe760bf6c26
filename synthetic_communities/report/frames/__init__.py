"""A run as plain rows, for data frames."""
