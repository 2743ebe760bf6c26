"""JSON schemas: which of them real servers refuse, and values that fit one."""
