"""Data of tasks: from the hub, a folder or a package into the cache, and on to token ids."""
