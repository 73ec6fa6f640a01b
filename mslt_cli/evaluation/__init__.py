"""What predictions are worth, and whether two differ. predict.py needs a model; the others need numpy only."""
