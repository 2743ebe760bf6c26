"""One run: the plan bound to the cast, and the record made of what the cast did."""
