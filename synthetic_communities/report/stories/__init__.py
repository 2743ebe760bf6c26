"""A run told in words: one person's life, debates, conversations, feeds, and acts that came to nothing."""
