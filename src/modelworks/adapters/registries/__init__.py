"""Registries record runs and releases. One file a registry."""
