"""Thin leaves to outside systems, found by name."""
