"""A mind that asks a language model: views become prompts, replies become answers."""
