"""Scores: per-example statistics and a score over any weighting of examples. One leaf a metric."""
