"""How each protocol writes a request and reads a reply; nothing here retries, waits or measures."""
