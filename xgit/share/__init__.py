"""Experiments on their way to others and from them: data first, then code, then tags."""
