"""The benchmark: what a belief update takes, one by one and side by side, and beside the bare client."""
