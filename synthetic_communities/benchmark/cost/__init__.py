"""What a run costs, beside what other arrangements of the same calls would have come to."""
