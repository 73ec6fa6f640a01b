"""The store: one SQLite file with language facts, vectors and what is measured. This package alone holds SQL."""
