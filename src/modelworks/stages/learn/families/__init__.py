"""Network families, one file each, found by name."""
