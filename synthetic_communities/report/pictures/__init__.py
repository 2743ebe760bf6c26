"""Pictures of a run: figures of matplotlib, which is imported where one is drawn."""
