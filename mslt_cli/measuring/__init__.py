"""What is measured once, so that selections and reports need no model: vocabularies, mean embeddings, probes."""
