"""Pages, figures, tables and contact sheets, made from the numbers' types."""
