"""A mind that calls no model: published rules of opinion dynamics, and words that are their arithmetic."""
