"""Getting data and models: from the hub, or from a folder."""
