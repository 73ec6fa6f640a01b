"""Finding the best combinations of a pool: whole lists for small pools, certified searches for large ones."""
