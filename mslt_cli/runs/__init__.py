"""Runs: what determines one, the directory that keeps it, plans of many, carrying them out, evaluating them."""
