"""What the runs of a grid foretell of combinations without runs: pure functions over arrays; they know no store."""
