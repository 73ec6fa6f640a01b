"""How results look: tables, rows in every format, figures and pages. Asks no store and computes nothing."""
