"""Engines order the steps of a plan. One file an engine."""
