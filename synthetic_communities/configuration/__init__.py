"""Reading settings and people: strictly, and saying everything wrong at once with its place in the file."""
