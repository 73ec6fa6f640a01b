"""Plans that are handed to SLURM or to Ray, which queue and start them; each element does its own runs and ends."""
