"""Talking to models: requests and replies as text and JSON. Knows no personas, topics, votes or epochs."""
