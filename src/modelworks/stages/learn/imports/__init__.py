"""Forms of models of other frameworks, a file each: `IMPORT` (contracts/foreign.py)."""
