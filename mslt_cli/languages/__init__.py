"""What is known about languages before anything is stored: our own tables, and lang2vec's vectors."""
