"""What published numbers and runs say, before anyone reads it: rows in, tables out; it opens no store."""
