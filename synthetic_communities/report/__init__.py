"""Reading one run: what its directory holds, measured and set in tables."""
