"""What the cast have in common: the community they share, how they ask their minds, and when."""
