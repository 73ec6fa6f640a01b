"""What the commands found, as text: a frame in, a table, JSON, CSV or Markdown out."""
