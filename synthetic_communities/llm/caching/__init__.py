"""What caches of providers make of prompts that begin alike, where they are told to keep them, and who goes first."""
