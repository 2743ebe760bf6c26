"""Plain values and plain rules: standard library only, no clock, no files, no global randomness."""
