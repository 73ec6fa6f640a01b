"""What published numbers and runs say, before anyone reads it: rows in, tables out. report.py asks the store."""
