"""What a model makes of sentences: their embeddings, and how the languages lie among each other."""
