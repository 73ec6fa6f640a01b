"""Fine-tuning: how sources share one budget, what a batch is, and the loop. Computes; knows no store."""
