"""What makes the site of docs/: pages made of the code, and the check of what was built."""
