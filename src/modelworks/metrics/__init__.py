"""Scores with per-example statistics. One file a metric."""
