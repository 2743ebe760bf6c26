"""How an agent thinks: a view of what it can see goes in, an answer comes out, nothing is changed."""
