"""The order of work: what may start when, and starting it. Knows keys and dependencies, no models and no prompts."""
