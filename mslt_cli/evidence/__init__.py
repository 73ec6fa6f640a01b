"""What a user names, and what the store knows of it under each criterion: facts → objectives that a search ranks by."""
