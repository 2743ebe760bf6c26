"""What a run shows in a notebook while it lasts: one display, updated in place."""
