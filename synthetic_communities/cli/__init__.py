"""What a person types: the command `synthetic-communities`."""
