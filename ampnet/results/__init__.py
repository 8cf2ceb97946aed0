"""What predict writes: rows, row files, JSON, drawings, tracks."""
