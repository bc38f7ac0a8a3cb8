"""Variants of a bundle, one file each."""
