"""Modelworks: from labelled data to an optimized, gated, served and reproducible model release."""

__version__ = "0.1.0"
