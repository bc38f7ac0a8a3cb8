"""Tasks, one file each, found by name and imported by nobody."""
