"""Readers and writers of the field's files. One file a format."""
