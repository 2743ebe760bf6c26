"""What a record says in numbers. Pure."""
