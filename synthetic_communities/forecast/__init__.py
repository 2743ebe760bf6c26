"""What a run will take, told before it begins: counted, rehearsed with models that cost nothing, or probed."""
