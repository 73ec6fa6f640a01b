"""The Hugging Face hub: what it lists, and files out of it, resumed and verified."""
