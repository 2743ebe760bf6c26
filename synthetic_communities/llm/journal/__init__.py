"""The journal: every call of a model on the disk before anything is built on its reply."""
