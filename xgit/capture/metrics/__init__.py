"""What was measured: files, formats, and one value for each name."""
