"""Stored runs as results: which of them may be compared, what was scored, and what a model of scores is fitted to."""
