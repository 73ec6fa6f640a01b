"""The Hugging Face hub: one commit of a repository, its list of files, and those files in the hub cache."""
